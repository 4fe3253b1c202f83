import { expect, it } from "vitest"
import { mountsToCopy, overlayOptions, parseMountInfo } from "../../../src/firewall/sandbox/mounts.ts"

it("the mounts of a copy are the real filesystems, parents first", () => {
  const info = `22 27 0:21 / /proc rw - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
28 27 0:30 / /var/lib/x rw - xfs /dev/vdc rw
29 27 0:31 / /srv/with\\040blank rw - nfs4 server:/ rw
30 27 0:32 / /run rw - tmpfs tmpfs rw
31 27 0:33 / /tmp/copy/root rw - overlay o rw
32 27 0:34 / /var rw - ext4 /dev/vdb rw`
  expect(mountsToCopy(parseMountInfo(info), "/tmp/copy").map(({ at, overlay }) => [at, overlay])).toEqual([
    ["/", true],
    ["/srv/with blank", false],
    ["/var", true],
    ["/var/lib/x", true],
  ])
  expect(overlayOptions(["/a:b", "/c,d"], "/u", "/w")).toBe("lowerdir=/a\\:b:/c\\,d,upperdir=/u,workdir=/w")
})
