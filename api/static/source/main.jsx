import React from "react";
import { createRoot } from "react-dom/client";
import { GraphiQL } from "graphiql";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";
import "graphiql/graphiql.css";
import "./page.css";

const EXAMPLES = `# Sign in, or paste a token above (\`ddms token create\` makes one),
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

// A browser that is signed in proves by this cookie, which other sites cannot read, that our own page asks.
function csrf() {
  return document.cookie.match(/(?:^|; )__Host-ddms_csrf=([0-9a-f]+)/)?.[1];
}

function authorization(token) {
  return token ? { Authorization: `Bearer ${token.trim()}` } : {};
}

function ask(url, options) {
  const proof = csrf();
  return fetch(url, { ...options, headers: { ...options.headers, ...(proof && { "X-CSRF-Token": proof }) } });
}

function fetcherFor(token) {
  const wsClient = createClient({ url: endpoint.replace(/^http/, "ws"), connectionParams: authorization(token), retryAttempts: 3 });
  return createGraphiQLFetcher({ url: endpoint, headers: authorization(token), fetch: ask, wsClient });
}

async function holderOf(token) {
  const headers = { "Content-Type": "application/json", Accept: "application/graphql-response+json", ...authorization(token) };
  const response = await ask(endpoint, { method: "POST", headers, body: '{"query": "{ me { name role } }"}' });
  const { data, errors } = await response.json();
  return errors ? { problem: errors[0].message } : { name: data.me.name, role: data.me.role.toLowerCase() };
}

function sentence(holder, token) {
  if (!holder) return "";
  if (holder.problem) return holder.problem;
  return `${holder.name}, ${holder.role}.${token ? " Kept until this tab is closed." : ""}`;
}

function Page() {
  const [token, setToken] = React.useState(() => window.sessionStorage.getItem(KEY) || "");
  const [holder, setHolder] = React.useState(null);
  React.useEffect(() => {
    let current = true;
    const tell = (found) => current && setHolder(found);
    if (token || csrf()) holderOf(token).catch(() => ({ problem: "The API does not answer." })).then(tell);
    else tell({ problem: "No token yet." });
    return () => { current = false; };
  }, [token]);
  const fetcher = React.useMemo(() => fetcherFor(token), [token]);
  const signedIn = !token && holder?.name;
  const keep = (event) => {
    const given = event.target.elements.token.value;
    event.preventDefault();
    window.sessionStorage.setItem(KEY, given);
    setToken(given);
  };
  return (
    <div className="ddms">
      <form className="ddms-bar" onSubmit={keep}>
        <a href="."><strong>DDMS</strong></a>
        {!signedIn && (
          <label>
            Token <input name="token" type="password" defaultValue={token} placeholder="ddms_…" autoComplete="off" size="40" />
          </label>
        )}
        {!signedIn && <button type="submit">Use it</button>}
        <span role="status">{sentence(holder, token)}</span>
        {signedIn ? <a href="account">Account</a> : <a href="sign-in?next=/graphql">Sign in</a>}
        {signedIn && <a href="sign-out">Sign out</a>}
      </form>
      <GraphiQL key={token} fetcher={fetcher} defaultQuery={EXAMPLES} defaultEditorToolsVisibility={false} isHeadersEditorEnabled={false} />
    </div>
  );
}

createRoot(document.getElementById("graphiql")).render(<Page />);
