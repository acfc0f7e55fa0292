/** DDMS from JavaScript and TypeScript: in Node.js 20 and newer, and in browsers. */
import { createClient, type Client as Socket } from "graphql-ws";
import type { Alarm, Calendar, Device, ManualReading, Reading, ReadingsEvent, SeriesColumns, UserError } from "./schema.js";

export * from "./schema.js";

/** What was refused or failed: `code` for programs, the message says what to do, `reference` is what the server's log has. */
export class DdmsError extends Error {
  constructor(
    message: string,
    readonly code: string,
    /** Where the input was wrong: what a change answered, empty for other errors. */
    readonly errors: readonly UserError[] = [],
    readonly reference?: string,
  ) {
    super(`${code}: ${message}`);
    this.name = "DdmsError";
  }
}

export interface Options {
  /** Where DDMS is, `https://ddms.example`; else the environment's `DDMS_URL`. In a browser: where the page came from. */
  url?: string;
  /** A token, `ddms_…`; else the environment's `DDMS_TOKEN`. A browser that is signed in needs none. */
  token?: string;
  /** How often what was told to come later, or finds nobody, is tried again; 5 when left out. */
  retries?: number;
  /** Milliseconds after which a request is given up; 60,000 when left out. */
  timeout?: number;
  fetch?: typeof fetch;
  /** A class for websockets, in Node.js before 22: that of the package `ws`. */
  webSocket?: unknown;
}

/** Which points: these, or those of devices and groups, or all that have these keys. */
export interface Chosen {
  points?: readonly string[];
  devices?: readonly string[];
  groups?: readonly string[];
  keys?: readonly string[];
}

type Column = Exclude<keyof SeriesColumns, "percentiles">;

export interface SeriesOptions<C extends Column> extends Chosen {
  from: Date | string;
  to?: Date | string;
  /** How long a bucket is, `PT15M`, `P1D`; or `calendar`, the site's own. Neither: chosen by itself. */
  bucket?: string;
  timeZone?: string;
  calendar?: Calendar;
  /** What `stateSeconds` and `starts` are about: `> 0`, `Running`. */
  state?: string;
  /** Each reading as it was stored; all of them are fetched, in as many requests as it takes. */
  raw?: boolean;
  /** Most rows for each point. */
  maxPoints?: number;
  /** Which columns; `time` is always there. `["value"]` when left out. */
  columns?: readonly C[];
}

export interface SeriesOf<C extends Column> {
  point: { id: string; key: string; name: string; unit: string; device: { id: string; name: string } };
  /** What it is made of: RAW, MINUTES, HOURS, DAYS. */
  source: string;
  bucket: string | null;
  columns: Pick<SeriesColumns, C | "time">;
}

/** One reading as it comes. */
export interface LiveValue {
  point: string;
  time: Date;
  value: number | null;
  text: string | null;
  /** 0 is good, 1 to 15 uncertain, 16 and more bad. */
  quality: number;
}

export interface LiveEvent {
  /** SNAPSHOT: replace what you know. CHANGES: what is new. RESUMED: what came while the connection was broken. LATE: of before. */
  kind: ReadingsEvent["kind"];
  /** Why a snapshot came in between: CONFIGURATION, RECONNECTED, TOO_SLOW. */
  reason: ReadingsEvent["reason"];
  /** Times of which the stream did not give all readings; ask `series` for them. */
  gaps: ReadingsEvent["gaps"];
  readings: LiveValue[];
}

const POINT = "id key name unit device { id name }";
const CHOSEN = "$points: [ID!], $devices: [ID!], $groups: [ID!], $keys: [String!]";
const SERIES = (columns: readonly string[]) => `query Series(${CHOSEN}, $from: DateTime!, $to: DateTime, $maxPoints: Int, $bucket: Duration, $timeZone: String! = "UTC", $calendar: Calendar, $state: String, $raw: Boolean! = false) {
  series(points: $points, devices: $devices, groups: $groups, keys: $keys, from: $from, to: $to, maxPoints: $maxPoints, bucket: $bucket, timeZone: $timeZone, calendar: $calendar, state: $state, raw: $raw) {
    point { ${POINT} } source bucket continueFrom columns { ${["time", ...columns].join(" ")} }
  }
}`;
const DEVICES = `query Devices($after: String, $text: String, $group: ID) {
  devices(first: 100, after: $after, text: $text, group: $group) {
    pageInfo { hasNextPage endCursor } nodes { id name description enabled unitId endpoint status { state since lastSeen lastError } points { id key name unit interval: intervalSeconds latest { time value text quality } } }
  }
}`;
const WRITE = `mutation WriteReadings($readings: [ManualReading!]!, $replace: Boolean! = false) {
  writeReadings(readings: $readings, replace: $replace) { errors { code field message } written unchanged }
}`;
const ACKNOWLEDGE = `mutation AcknowledgeAlarms($ids: [ID!]!, $note: String) {
  acknowledgeAlarms(ids: $ids, note: $note) { errors { code field message } results { result } }
}`;
const LIVE = `subscription Live($points: [ID!], $devices: [ID!], $minimumInterval: Float! = 0, $resumeFrom: String) {
  readings(points: $points, devices: $devices, minimumInterval: $minimumInterval, resumeFrom: $resumeFrom) {
    kind reason resumeToken gaps { from to reason } columns { pointId time value quality text }
  }
}`;
/** Closes of a websocket after which to come again is of no use. */
const FINAL = new Set([4400, 4401, 4403, 4406]);
/** What a server says that starts, ends or has too much to do just now: who follows asks again. */
const PASSING = new Set(["RATE_LIMITED", "BUSY", "UNAVAILABLE"]);
const REMEMBERED = 200_000;
/** A change, also behind a comment or a fragment: what is sent again needs a key. */
const CHANGE = /(?:^|\})\s*mutation\b/m;
const ACKNOWLEDGED_AT_ONCE = 100;
/** What takes no idempotency key, as an answer with a secret is kept nowhere: it is not sent again when its answer was lost. */
const SECRET = /\b(?:createToken|signIn|createUser|resetPassword|changePassword|createWebhook|updateWebhook)\b/;

export class Client {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #options: Options;

  constructor(options: Options = {}) {
    const environment: Record<string, string | undefined> = (globalThis as any).process?.env ?? {};
    const url = options.url ?? environment["DDMS_URL"] ?? (globalThis as any).location?.origin;
    if (!url) throw new TypeError("where is DDMS? Give `url`, or set DDMS_URL");
    this.#url = url.trim().replace(/\/+$/, "").replace(/\/graphql$/, "");
    this.#token = options.token ?? environment["DDMS_TOKEN"];
    this.#options = options;
  }

  /** Ask anything. A change gets an idempotency key, so that a second try does nothing twice; not one that makes or takes a secret. */
  async execute<T = any>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const headers: Record<string, string> = { "Content-Type": "application/json", Accept: "application/graphql-response+json" };
    if (this.#token) headers["Authorization"] = `Bearer ${this.#token}`;
    const changes = CHANGE.test(query);
    const once = changes && SECRET.test(query);
    if (changes && !once) headers["Idempotency-Key"] = crypto.randomUUID();
    const body = JSON.stringify({ query, variables });
    for (let tried = 0; ; tried++) {
      const last = tried >= (this.#options.retries ?? 5);
      let response: Response;
      try {
        const signal = AbortSignal.timeout(this.#options.timeout ?? 60_000);
        response = await (this.#options.fetch ?? fetch)(`${this.#url}/graphql`, { method: "POST", headers, body, signal });
      } catch (error) {
        if (last || once) throw new DdmsError(`${this.#url} cannot be reached: ${(error as Error).message}`, "UNREACHABLE");
        await pause(2 ** tried);
        continue;
      }
      if ((response.status === 429 || (response.status >= 502 && !once)) && !last) {
        await pause(Number(response.headers.get("Retry-After") ?? 1));
        continue;
      }
      return answerOf<T>(response, await response.text());
    }
  }

  /** History as columns: of points, devices, groups or keys. */
  async series<C extends Column = "value">(options: SeriesOptions<C>): Promise<SeriesOf<C>[]> {
    const { columns = ["value" as C], from, to, ...rest } = options;
    const until = to ?? new Date();
    const ask = async (variables: Record<string, unknown>): Promise<any[]> =>
      (await this.execute(SERIES(columns), { ...rest, from, to: until, ...variables })).series;
    const found = await ask({});
    for (const one of found) {
      for (let next = one.continueFrom; next; ) {
        const [more] = await ask({ points: [one.point.id], devices: null, groups: null, keys: null, from: next });
        const [had, came] = [one.columns.time.length, more.columns.time.length];
        for (const [name, column] of Object.entries<unknown[]>(more.columns)) {
          const before: unknown[] = one.columns[name];
          if (before.length || column.length) one.columns[name] = whole(before, had).concat(whole(column, came));
        }
        next = more.continueFrom;
      }
      delete one.continueFrom;
    }
    return found;
  }

  /** All devices, or those whose name has this text, or of a group, with their points and newest values. */
  async *devices(filter: { text?: string; group?: string } = {}): AsyncGenerator<DeviceFound> {
    for (let after: string | null = null; ; ) {
      const { devices }: any = await this.execute(DEVICES, { ...filter, after });
      yield* devices.nodes;
      if (!devices.pageInfo.hasNextPage) return;
      after = devices.pageInfo.endCursor;
    }
  }

  /** Store readings that people took or another system had; 1,000 a request. Returns how many are new. */
  async writeReadings(readings: readonly ManualReading[], options: { replace?: boolean } = {}): Promise<number> {
    let written = 0;
    for (let first = 0; first < readings.length; first += 1000) {
      const answer = await this.execute(WRITE, { ...options, readings: readings.slice(first, first + 1000) });
      written += answer.writeReadings.written;
    }
    return written;
  }

  /** Acknowledge alarms. */
  async acknowledge(alarms: readonly (string | Pick<Alarm, "id">)[], note?: string): Promise<void> {
    const ids = alarms.map((alarm) => (typeof alarm === "string" ? alarm : alarm.id));
    for (let first = 0; first < ids.length; first += ACKNOWLEDGED_AT_ONCE) {
      await this.execute(ACKNOWLEDGE, { ids: ids.slice(first, first + ACKNOWLEDGED_AT_ONCE), note });
    }
  }

  /**
   * Follow readings: a snapshot, then each as it comes, for as long as the loop goes on or until `signal`. A connection that
   * breaks, a server that restarts, are come back from without a gap: what was missed comes as RESUMED, no reading twice.
   * Until the first event there are only `retries`: an address that is wrong is an error.
   */
  async *live(options: { points?: readonly string[]; devices?: readonly string[]; minimumInterval?: number; signal?: AbortSignal }): AsyncGenerator<LiveEvent> {
    const { signal, ...chosen } = options;
    if (signal?.aborted) return;
    const variables: Record<string, unknown> = { ...chosen, resumeFrom: null };
    const known = new Known();
    let left = this.#options.retries ?? 5;
    const socket: Socket = createClient({
      url: `${this.#url.replace(/^http/, "ws")}/graphql`,
      webSocketImpl: this.#options.webSocket,
      connectionParams: this.#token ? { Authorization: `Bearer ${this.#token}` } : {},
      keepAlive: 15_000,
      retryAttempts: Infinity,
      retryWait: (tried) => pause(Math.min(2 ** tried / 4, 15)),
      shouldRetry: (event) => !FINAL.has((event as CloseEvent).code) && (variables["resumeFrom"] !== null || left-- > 0),
    });
    let events = socket.iterate<{ readings: ReadingsEvent }>({ query: LIVE, variables });
    const stop = () => void events.return?.();
    signal?.addEventListener("abort", stop);
    try {
      for (let refused = 0; !signal?.aborted; refused += 1) {
        try {
          for await (const { data, errors } of events) {
            if (!data) throw errorOf(errors?.[0]);
            refused = 0;
            const { kind, reason, gaps, resumeToken, columns } = data.readings;
            variables["resumeFrom"] = resumeToken; // graphql-ws sends these variables again, as they are then
            const readings = known.fresh(columns, kind);
            if (readings.length || gaps.length || kind === "SNAPSHOT") yield { kind, reason, gaps, readings };
          }
          return;
        } catch (error) {
          const told = Array.isArray(error) ? errorOf(error[0]) : error; // an array is a subscription that is refused
          if (!(told instanceof DdmsError && PASSING.has(told.code))) throw told;
          await pause(Math.min(2 ** refused / 4, 15));
          events = socket.iterate<{ readings: ReadingsEvent }>({ query: LIVE, variables });
        }
      }
    } catch (error) {
      if (error instanceof Error) throw error;
      const { code, reason, message } = error as Partial<CloseEvent & ErrorEvent>; // of the websocket
      if (FINAL.has(code ?? 0)) throw new DdmsError(reason || "the connection was ended", "UNAUTHENTICATED");
      throw new DdmsError(`${this.#url} cannot be followed: ${reason || message || "the connection was ended"}`, "UNREACHABLE");
    } finally {
      signal?.removeEventListener("abort", stop);
      await socket.dispose();
    }
  }
}

/** A device as `devices` gives it. */
export type DeviceFound = Pick<Device, "id" | "name" | "description" | "enabled" | "unitId" | "endpoint" | "status"> & {
  points: { id: string; key: string; name: string; unit: string; interval: number; latest: Pick<Reading, "time" | "value" | "text" | "quality"> | null }[];
};

/** The newest readings that were told of each point: what is resumed may come twice. */
class Known {
  #told = new Set<string>();

  fresh(columns: ReadingsEvent["columns"], kind: string): LiveValue[] {
    const found: LiveValue[] = [];
    columns.pointId.forEach((point, i) => {
      const name = `${point} ${columns.time[i]}`;
      if (this.#told.has(name) && kind !== "SNAPSHOT") return;
      this.#told.add(name);
      found.push({ point, time: new Date(columns.time[i]!), value: columns.value[i] ?? null, text: columns.text[i] ?? null, quality: columns.quality[i]! });
    });
    for (const name of this.#told) {
      if (this.#told.size <= REMEMBERED) break;
      this.#told.delete(name);
    }
    return found;
  }
}

function answerOf<T>(response: Response, text: string): T {
  let answer: any;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new DdmsError(`the answer is no GraphQL (${response.status}): ${text.slice(0, 200)}`, "NO_GRAPHQL");
  }
  if (answer.errors) throw errorOf(answer.errors[0]);
  for (const payload of Object.values<any>(answer.data ?? {})) {
    const errors: UserError[] = payload?.errors ?? [];
    if (errors[0]) throw new DdmsError(errors.map((one) => (one.field ? `${one.field}: ${one.message}` : one.message)).join("; "), errors[0].code, errors);
  }
  return answer.data;
}

/** A column that is empty because it holds nothing, as texts do where all are numbers, with a place for each row. */
function whole(column: unknown[], rows: number): unknown[] {
  return column.length ? column : Array(rows).fill(null);
}

function errorOf(error: any): DdmsError {
  return new DdmsError(error?.message ?? "no answer", error?.extensions?.code ?? "NO_GRAPHQL", [], error?.extensions?.reference);
}

/** Wait so many seconds, and up to a quarter more, so that many who were told the same do not come back together. */
function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000 * (1 + Math.random() / 4)));
}
