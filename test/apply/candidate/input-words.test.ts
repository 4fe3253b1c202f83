import { expect, it } from "vitest"
import { wordsOfNft } from "../../../src/apply/candidate/input-words.ts"

it("what an nft script names are found in the blocks and commands of nft", () => {
  const text = `# add chain ip no no
      table inet gate { chain in { jump other; } chain "out" { } }
      table t {
        chain a { comment "chain b { }"
        }
      }
      flush chain ip6 filter INPUT; insert rule t c accept
      delete table inet f2b-table`
  expect([...wordsOfNft(text).named].sort()).toEqual([
    "inet f2b-table",
    "inet gate",
    "inet gate in",
    "inet gate out",
    "ip t",
    "ip t a",
    "ip t c",
    "ip6 filter INPUT",
  ])
})
