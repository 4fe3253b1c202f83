/**
 * Options of ssh for a login of ours: nothing of the operator's agent, display, forwardings or commands goes along with it, and nothing
 * in his configuration takes its place.
 */
export const privateLogin: readonly string[] = [
  ...["-a", "-x"],
  ...["RemoteCommand=none", "ClearAllForwardings=yes", "PermitLocalCommand=no"].flatMap((one) => ["-o", one]),
]
