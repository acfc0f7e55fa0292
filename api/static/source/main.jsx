import React from "react";
import { createRoot } from "react-dom/client";
import { GraphiQL } from "graphiql";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";
import "graphiql/graphiql.css";
import "./page.css";

const EXAMPLES = `# Paste a token above (\`ddms token create\` makes one),
# put the cursor into a query and press Ctrl-Enter.
# Ctrl-Space completes; the book explains every type.

query Devices {
  devices(first: 20) {
    totalCount
    nodes {
      id name endpoint
      status { state lastSeen lastError }
      points { id key unit latest { time value quality } }
    }
  }
}

query Latest {
  latest { count columns { pointId time value quality } }
}

query LastHour {
  series(
    points: ["pt_1"]
    from: "${new Date(Date.now() - 3600e3).toISOString()}"
    maxPoints: 60
  ) {
    point { key unit }
    source bucket
    columns { time value quality }
  }
}

subscription Live {
  readings(devices: ["dev_1"]) {
    kind reason resumeToken
    readings { device key value unit time quality }
  }
}
`;

const KEY = "ddms-token";
const endpoint = new URL("graphql", new URL(".", window.location.href)).href;

function authorization(token) {
  return token ? { Authorization: `Bearer ${token.trim()}` } : {};
}

function fetcherFor(token) {
  const wsClient = createClient({ url: endpoint.replace(/^http/, "ws"), connectionParams: authorization(token), retryAttempts: 3 });
  return createGraphiQLFetcher({ url: endpoint, headers: authorization(token), wsClient });
}

async function holderOf(token) {
  const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json", ...authorization(token) };
  const response = await fetch(endpoint, { method: "POST", headers, body: '{"query": "{ me { name role } }"}' });
  const { data, errors } = await response.json();
  return errors ? errors[0].message : `${data.me.name}, ${data.me.role.toLowerCase()}. Kept until this tab is closed.`;
}

function Page() {
  const [token, setToken] = React.useState(() => window.sessionStorage.getItem(KEY) || "");
  const [holder, setHolder] = React.useState("");
  React.useEffect(() => {
    let current = true;
    const tell = (sentence) => current && setHolder(sentence);
    if (token) holderOf(token).catch(() => "The API does not answer.").then(tell);
    else tell("No token yet.");
    return () => { current = false; };
  }, [token]);
  const fetcher = React.useMemo(() => fetcherFor(token), [token]);
  const keep = (event) => {
    const given = event.target.elements.token.value;
    event.preventDefault();
    window.sessionStorage.setItem(KEY, given);
    setToken(given);
  };
  return (
    <div className="ddms">
      <form className="ddms-bar" onSubmit={keep}>
        <strong>DDMS</strong>
        <label>
          Token <input name="token" type="password" defaultValue={token} placeholder="ddms_…" autoComplete="off" size="50" />
        </label>
        <button type="submit">Use it</button>
        <span role="status">{holder}</span>
      </form>
      <GraphiQL key={token} fetcher={fetcher} defaultQuery={EXAMPLES} defaultEditorToolsVisibility={false} isHeadersEditorEnabled={false} />
    </div>
  );
}

createRoot(document.getElementById("graphiql")).render(<Page />);
