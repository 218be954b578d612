/** What gRPC and WebSocket libraries say of a connection that did not come about, in words that tell what to look at. */
export function connectionProblem(message: string): string {
  const cause = message
    .replace(/^No connection established\. Last error: (?:Error: )?/, "")
    .replace(/\.?\s*Resolution note:\s*$/, "")
    .replace(/; if the root CA is installed locally.*$/s, "")
    .trim();
  const refused = /connect ECONNREFUSED (\S+)/.exec(cause);
  if (refused) return `nothing answers at ${refused[1]}`;
  const unknownName = /Name resolution failed for target (?:dns:)?(\S+)|getaddrinfo \w+ (\S+)/.exec(cause);
  if (unknownName) return `the name in ${unknownName[1] ?? unknownName[2]} is not known to DNS`;
  if (/wrong version number|packet length too long/i.test(cause))
    return "what answers at the context's address does not speak TLS: is it the gRPC address of the realm?";
  if (/certificate|altnames|self-signed/i.test(cause))
    return `what answers at the context's address is not of the realm whose CA certificate the context names (${cause})`;
  return cause === "" ? "the connection was lost" : cause;
}
