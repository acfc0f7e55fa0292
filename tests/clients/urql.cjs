// urql with its normalised cache as an integrator sets it up. Prints one JSON object a line.
const { Client, fetchExchange, gql, subscriptionExchange } = require("@urql/core");
const { cacheExchange } = require("@urql/exchange-graphcache");
const { relayPagination } = require("@urql/exchange-graphcache/extras");
const { persistedExchange } = require("@urql/exchange-persisted");
const { getIntrospectionQuery } = require("graphql");
const { createClient } = require("graphql-ws");

const [url, token] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
const headers = { authorization: `Bearer ${token}` };
const socket = createClient({ url: url.replace("http", "ws"), webSocketImpl: require("ws"), connectionParams: headers });
const subscriptions = subscriptionExchange({
  forwardSubscription: (request) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ ...request, query: request.query || "" }, sink) }),
  }),
});
const make = (...exchanges) => new Client({ url, exchanges, fetchOptions: { headers }, preferGetMethod: false });
let warnings = 0;
console.warn = (warning) => { warnings++; console.error(warning); };

const PAGE = gql`query Page($after: String) {
  devices(first: 2, after: $after, text: "pump") { edges { node { id name version status { state } } } pageInfo { hasNextPage endCursor } } }`;
const RENAME = gql`mutation Rename($id: ID!, $version: Int!, $name: String!) {
  updateDevice(id: $id, version: $version, changes: { name: $name }) { errors { code } device { id name version } } }`;
const READINGS = gql`subscription Readings($devices: [ID!]) { readings(devices: $devices) { kind columns { value } } }`;

(async () => {
  const { data: schema } = await make(fetchExchange).query(getIntrospectionQuery({ descriptions: false }), {});
  const values = schema.__schema.types.filter((type) => type.kind === "OBJECT" && !type.fields.some(({ name }) => name === "id"));
  const keys = Object.fromEntries(values.map(({ name }) => [name, () => null])); // what has no id belongs to its parent
  const cache = cacheExchange({ schema, keys, resolvers: { Query: { devices: relayPagination() } } });
  const client = make(cache, fetchExchange, subscriptions);
  const first = (await client.query(PAGE, {})).data.devices;
  const after = first.pageInfo.endCursor;
  await client.query(PAGE, { after });
  const { id, version } = first.edges[0].node;
  const { data } = await client.mutation(RENAME, { id, version, name: "Pump renamed" });
  tell({ errors: data.updateDevice.errors.length });
  const all = await client.query(PAGE, { after });
  tell({ names: all.data.devices.edges.map((edge) => edge.node.name) });
  tell({ wrong: (await make(fetchExchange).query(gql`{ nope }`, {})).error.graphQLErrors[0].extensions.code });
  tell({ persisted: (await make(persistedExchange(), fetchExchange).query(gql`{ me { role } }`, {})).data.me.role });
  const refused = await new Promise((done) => client.subscription(READINGS, {}).subscribe(done));
  tell({ refused: refused.error.graphQLErrors[0].extensions.field });
  client.subscription(READINGS, { devices: [id] }).subscribe(({ data: { readings } }) => {
    tell(readings);
    if (readings.kind === "CHANGES") process.exit(warnings);
  });
})();
