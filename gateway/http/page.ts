import { MIRROR_PATH, SUBPROTOCOL } from "../ws/socket-server.ts";

/** What the gateway answers at `/`: what it is and how to connect. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Gantry gateway</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
code { font: 0.9em ui-monospace, monospace }
</style>
<h1>Gantry gateway</h1>
<p>A mirror is a named selection of the realm's live state. Whoever observes it gets a snapshot and then every change, in order,
over one WebSocket; everyone sees the same.</p>
<h2>Connect</h2>
<ol>
<li>Open <code>${MIRROR_PATH}</code> with the subprotocol <code>${SUBPROTOCOL}</code>.</li>
<li>Send <code>{"t":"hello","id":1,"token":"…"}</code>. A page may use a ticket instead: <code>POST /v1/tickets</code> with the token
as bearer gives one, good once and for 30 seconds.</li>
<li>Send <code>{"t":"subscribe","id":2,"m":"projects/default"}</code>.</li>
</ol>
<p>On the command line: <code>gantry mirror projects/default</code>.</p>
</html>
`;
