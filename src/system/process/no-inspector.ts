/**
 * Node opens its inspector on SIGUSR1, for any local user. To be imported before everything else: what is imported first is
 * run first.
 */
process.on("SIGUSR1", () => {})
