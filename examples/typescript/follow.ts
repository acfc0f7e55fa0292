// Follow a device: its last hour, then each reading as it comes, with types that GraphQL Code Generator made.
//   npm install && npm run generate && TOKEN=ddms_… npm run follow "Pump 1"
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import type { LiveSubscription, LiveSubscriptionVariables, TypedDocumentString } from "./generated/graphql.ts";
import { FindDevice, LastHour, Live } from "./operations.ts";

const url = process.env.URL ?? "http://127.0.0.1:8000";
const bearer = { Authorization: `Bearer ${process.env.TOKEN}` };
const [name = "", events = "Infinity"] = process.argv.slice(2);

async function ask<R, V>(document: TypedDocumentString<R, V>, variables: V): Promise<R> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json", ...bearer },
    body: JSON.stringify({ query: document.toString(), variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`${errors[0].extensions.code}: ${errors[0].message}`);
  return data;
}

const { device } = await ask(FindDevice, { name });
if (!device) throw new Error(`there is no device ${name}`);
console.log(`${name} is ${device.status.state} since ${device.status.since}`);
const points = new Map(device.points.map((point) => [point.id, point]));

const { series } = await ask(LastHour, { points: [...points.keys()], from: new Date(Date.now() - 3600e3).toISOString() });
for (const { point, columns } of series) {
  const values = columns.value.filter((value) => value !== null);
  if (values.length) console.log(`${points.get(point.id)!.name}: ${Math.min(...values)} to ${Math.max(...values)} in the last hour`);
}

const client = createClient({
  url: `${url.replace("http", "ws")}/graphql`,
  webSocketImpl: WebSocket, // Node.js before 22 has none; leave it out elsewhere
  connectionParams: bearer,
  retryAttempts: Infinity,
  shouldRetry: (event) => (event as CloseEvent).code !== 4403, // the API restarting is no reason to give up, a wrong token is
});
// When the connection breaks, graphql-ws sends these variables again, as they are then: nothing is missed.
const variables: LiveSubscriptionVariables = { device: device.id, resumeFrom: null };
let seen = 0;
for await (const { data, errors } of client.iterate<LiveSubscription>({ query: Live.toString(), variables })) {
  if (!data) throw new Error(errors?.[0]?.message);
  const { kind, reason, resumeToken, columns } = data.readings;
  variables.resumeFrom = resumeToken;
  console.log(kind, reason ?? "");
  columns.pointId.forEach((id, i) => {
    const { name, unit } = points.get(id)!;
    console.log(`${name}: ${columns.text[i] ?? columns.value[i] ?? "no value"} ${unit}`);
  });
  if (++seen >= Number(events)) break;
}
await client.dispose();
