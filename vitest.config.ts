import { defineConfig } from "vitest/config"

// Pure tests finish in seconds; tests named *.lab.test.ts build network namespaces and move real packets, so they
// get time. `scripts/test --long` sets FW_LONG=1 and adds *.long.test.ts (floods, matrices, soaks).
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: process.env.FW_LONG ? [] : ["test/**/*.long.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    pool: "forks",
    maxWorkers: 3,
  },
})
