/** Stands in for the node:child_process of commander, which wants it for commands that are programs of their own: there are none. */
export {}
