import { request } from "node:https";

/** What the API answers to somebody who does not ask who it is. */
export function askAs(host: string, keys: { cert?: string; key?: string }, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const path = "/api/v1/namespaces";
    const asked = request(
      { host, port: 6443, path, headers, rejectUnauthorized: false, agent: false, ...keys },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    asked.on("error", reject);
    asked.end();
  });
}
