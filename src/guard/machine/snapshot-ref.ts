/** A snapshot that can be restored. The runtime holds it by this very object; `path` is empty where it is in memory only. */
export interface SnapshotRef {
  readonly path: string
}
