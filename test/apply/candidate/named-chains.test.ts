import { expect, it } from "vitest"
import { namedByNft } from "../../../src/apply/candidate/named-chains.ts"

it("the chains that an nft script names are found in the blocks and commands of nft", () => {
  const text = `# add chain ip no no
      table inet gate { chain in { jump other; } chain "out" { } }
      table t {
        chain a { comment "chain b { }"
        }
      }
      flush chain ip6 filter INPUT; insert rule t c accept
      delete table inet f2b-table`
  expect([...namedByNft(text)].sort()).toEqual([
    "inet f2b-table",
    "inet gate in",
    "inet gate out",
    "ip t a",
    "ip t c",
    "ip6 filter INPUT",
  ])
})
