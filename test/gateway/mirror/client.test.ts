import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestGateway } from "../support.ts";

test("a request without a connection fails at once, and only where it was made", async (t) => {
  const gateway = await startTestGateway();
  try {
    const client = gateway.client();
    await assert.rejects(client.request({ t: "who" }, 50), /not connected/);
    void client.start().catch((error: Error) => t.diagnostic(error.message));
    await assert.rejects(client.request({ t: "who" }, 50), /not connected/);
    // One that was left behind would time out now, with nobody to hear of it.
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.close();
  } finally {
    await gateway.stop();
  }
});
