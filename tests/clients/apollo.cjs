// Apollo Client as an integrator sets it up. Prints one JSON object a line.
const { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } = require("@apollo/client");
const { GraphQLWsLink } = require("@apollo/client/link/subscriptions");
const { PersistedQueryLink } = require("@apollo/client/link/persisted-queries");
const { getMainDefinition, relayStylePagination } = require("@apollo/client/utilities");
const { createClient } = require("graphql-ws");
const { createHash } = require("node:crypto");
globalThis.WebSocket ??= require("ws"); // as in a browser

const [url, token] = process.argv.slice(2);
const tell = (what) => console.log(JSON.stringify(what));
const headers = { authorization: `Bearer ${token}` };
const socket = createClient({ url: url.replace("http", "ws"), connectionParams: headers });
const link = ApolloLink.split(
  ({ query }) => getMainDefinition(query).operation === "subscription",
  new GraphQLWsLink(socket),
  new HttpLink({ uri: url, headers }),
);
const typePolicies = { Query: { fields: { devices: relayStylePagination(["text", "orderBy"]) } } };
const client = new ApolloClient({ link, cache: new InMemoryCache({ typePolicies }) });

const PAGE = gql`query Page($after: String) {
  devices(first: 2, after: $after, text: "pump") { edges { node { id name version } } pageInfo { hasNextPage endCursor } } }`;
const RENAME = gql`mutation Rename($id: ID!, $version: Int!, $name: String!) {
  updateDevice(id: $id, version: $version, changes: { name: $name }) { errors { code } device { id name version } } }`;
const READINGS = gql`subscription Readings($devices: [ID!]) { readings(devices: $devices) { kind columns { value } } }`;

(async () => {
  const page = client.watchQuery({ query: PAGE });
  let seen;
  page.subscribe(({ data }) => { seen = data; });
  const first = (await page.refetch()).data.devices;
  await page.fetchMore({ variables: { after: first.pageInfo.endCursor } });
  const { id, version } = first.edges[0].node;
  const { data } = await client.mutate({ mutation: RENAME, variables: { id, version, name: "Pump renamed" } });
  tell({ errors: data.updateDevice.errors.length });
  tell({ names: client.readQuery({ query: PAGE }).devices.edges.map((edge) => edge.node.name) });
  const wrong = await client.query({ query: gql`{ nope }` }).catch((error) => error);
  tell({ wrong: wrong.errors[0].extensions.code });
  const hashed = new PersistedQueryLink({ sha256: (text) => createHash("sha256").update(text).digest("hex") });
  const persisted = new ApolloClient({ link: hashed.concat(link), cache: new InMemoryCache() });
  tell({ persisted: (await persisted.query({ query: gql`{ me { role } }` })).data.me.role });
  const refused = await new Promise((next) => client.subscribe({ query: READINGS }).subscribe({ next }));
  tell({ refused: refused.error.errors[0].extensions.field });
  client.subscribe({ query: READINGS, variables: { devices: [id] } }).subscribe(({ data: { readings } }) => {
    tell(readings);
    if (readings.kind === "CHANGES") process.exit(0);
  });
})();
