// Made of schema.graphql by generate.py.

/** What somebody is who did something. */
export type ActorKind = "PERSON" | "TOKEN" | "PROGRAM" | "NOBODY";

/** Something that is watched, and whether it is as it should be. There is one for each limit, device and connection. */
export interface Alarm {
  /** Opaque and stable, `alm_7`. */
  id: string;
  /** What it watches. */
  source: AlarmSource;
  /** The kind of the limit, `high_high`; `offline` of devices and connections; of the system what it is about. */
  kind: string;
  /** How much it matters. */
  priority: AlarmPriority;
  /** Its state by ISA-18.2. */
  state: AlarmState;
  /** Whether the condition is there, delays included. */
  active: boolean;
  /** Whether somebody took note of it; true when there is nothing to acknowledge. */
  acknowledged: boolean;
  /** Whether it stays until it is acknowledged after the condition is gone. */
  latched: boolean;
  /** Whether the newest reading is bad or missing, so that nobody knows how it is now. */
  uncertain: boolean;
  /** Whether somebody is called: active, not acknowledged, not shelved, suppressed or out of service. */
  calls: boolean;
  /** When it was raised last, by the time of the reading. */
  activeSince: string | null;
  /** When it cleared last; null while it is active. */
  clearedAt: string | null;
  /** When its state last changed. */
  changedAt: string;
  /** The value with which it was raised or cleared, in the point's unit; of a deviation the distance, of a rate the change. */
  value: number | null;
  /** How far that value could be trusted. */
  quality: Quality | null;
  /** The limit that was in force then. */
  threshold: number | null;
  /** The newest reading of its point; of the system what was measured last, while it is active. */
  valueNow: Reading | null;
  /** What is wrong, in a sentence. */
  detail: string;
  /** What is probably the matter; empty when nobody wrote it. */
  cause: string;
  /** What happens when nobody does anything. */
  consequence: string;
  /** What to do. */
  action: string;
  /** Within how long, in seconds. */
  respondWithinSeconds: number | null;
  /** When somebody took note of the newest occurrence. */
  acknowledgedAt: string | null;
  /** Who that was. */
  acknowledgedBy: string | null;
  /** The newest note of a person. */
  note: string | null;
  /** That it is shelved; null when it is not. */
  shelf: AlarmShelf | null;
  /** That it is out of service; null when it is in service. */
  outOfService: AlarmOutOfService | null;
  /** The device; null of a connection and of the system. */
  deviceId: string | null;
  /** The device's name, also after it was deleted. */
  deviceName: string | null;
  /** The point; only of a limit's alarm. */
  pointId: string | null;
  /** The point's name, also after it was deleted. */
  pointName: string | null;
  /** The limit, `lim_4`; only of a limit's alarm. */
  limitId: string | null;
  /** The limit's key within its point. */
  limitKey: string | null;
  /** The endpoint that it is about, or behind which its device is. */
  endpoint: string | null;
  /** Of the system: whose alarm it is of this kind, such as a collector's name. */
  subject: string | null;
  /** When its limit, device or connection was removed; then it stands in the journal only. */
  removedAt: string | null;
  /** The device; null of a connection and of the system, and when it was erased. */
  device: Device | null;
  /** The point; null when it is no limit's alarm, and when the point was deleted. */
  point: Point | null;
  /** The limit, as it is now; null when it is no limit's alarm, and when the limit was deleted. */
  limit: AlarmLimit | null;
  /** The connection that it is about, or behind which its device is. */
  connection: ModbusConnection | null;
  /** Of a device or connection: its newest run of failures, also when it is over. */
  outage: Outage | null;
  /** The alarm that explains this one, by which it is suppressed; null when none does. */
  suppressedBy: Alarm | null;
}

/** How many alarms an operator can do something about (ISA-18.2, 16.5; the same numbers stand in EEMUA 191). */
export type AlarmBenchmark = "ACCEPTABLE" | "MANAGEABLE" | "OVERLOADED";

/** A page of a list. */
export interface AlarmConnection {
  /** What stands on this page, with cursors. */
  edges: AlarmEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Alarm[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface AlarmEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Alarm;
}

/** Something that happened to an alarm: an entry of the journal. */
export interface AlarmEvent {
  /** Opaque and stable, `aev_12`. */
  id: string;
  /** When it happened: the time of the reading, or of what a person did. */
  time: string;
  /** When the database learned of it. */
  recordedAt: string;
  /** Whether it became known late, because the database was away. */
  late: boolean;
  /** Whether the alarm was shelved, suppressed or out of service after it. */
  hidden: boolean;
  /** The alarm. */
  alarmId: string;
  /** What the alarm watches. */
  source: AlarmSource;
  /** The alarm's kind: `high`, `offline`. */
  kind: string;
  /** The priority that it had then. */
  priority: AlarmPriority;
  /** What happened. */
  event: AlarmEventKind;
  /** Its state after that. */
  state: AlarmState;
  /** Who did it; null: the value did, or time. */
  actor: string | null;
  /** Why: the person's reason or note, of DDMS a sentence. */
  note: string | null;
  /** When a shelf or a maintenance will end. */
  until: string | null;
  /** The value then. */
  value: number | null;
  /** How far the value could be trusted. */
  quality: Quality | null;
  /** The limit in force then. */
  threshold: number | null;
  /** The device; null of a connection and of the system. */
  deviceId: string | null;
  /** The device's name, also after it was deleted. */
  deviceName: string | null;
  /** The point; only of a limit's alarm. */
  pointId: string | null;
  /** The point's name, also after it was deleted. */
  pointName: string | null;
  /** Of a connection its endpoint; of the system whose alarm it is of this kind. */
  subject: string | null;
  /** The alarm, as it is now. */
  alarm: Alarm;
  /** The device; null of a connection and of the system, and when it was erased. */
  device: Device | null;
  /** The alarm by which it was suppressed; null but for that event. */
  cause: Alarm | null;
}

/** A page of a list. */
export interface AlarmEventConnection {
  /** What stands on this page, with cursors. */
  edges: AlarmEventEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: AlarmEvent[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface AlarmEventEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: AlarmEvent;
}

/** What may happen to an alarm. */
export type AlarmEventKind = "RAISED" | "CLEARED" | "UNCERTAIN" | "CERTAIN" | "ACKNOWLEDGED" | "NOTED" | "SHELVED" | "UNSHELVED" | "SHELF_ENDED" | "SUPPRESSED" | "UNSUPPRESSED" | "OUT_OF_SERVICE" | "IN_SERVICE" | "SERVICE_DUE" | "WITHDRAWN";

/** A time in which more alarms came than an operator can do something about. */
export interface AlarmFlood {
  /** Where the first ten minutes with more than 10 alarms for each operator begin. */
  from: string;
  /** Where the first ten minutes with fewer than 5 begin. */
  to: string;
  /** How many came. */
  alarms: number;
  /** How many in its worst ten minutes. */
  most: number;
}

/** A limit of a point: what of its values is an alarm, and what the operator reads then. */
export interface AlarmLimit {
  /** Its name within the point: `high`, `fault_bit_3`. */
  key: string;
  /** What is compared. */
  kind: LimitKind;
  /** In the unit of the point: the level; of DEVIATION the distance, of RATE the change within `periodSeconds`; null for BIT and VALUE. */
  threshold: number | null;
  /** Of DEVIATION and RATE: to which side it counts. */
  direction: LimitDirection;
  /** Of DEVIATION: key of the point of the same device to compare with; null for the other kinds. */
  referenceKey: string | null;
  /** Of RATE: over how many seconds the change is taken. */
  periodSeconds: number;
  /** Of BIT: its number in the integer that was read, 0 the lowest; null for the other kinds. */
  bit: number | null;
  /** Of VALUE: the values that are an alarm; empty for the other kinds. */
  alarmValues: number[];
  /** Of BIT: alarm when it is 0; of VALUE: when it is none of them. */
  inverted: boolean;
  /** How far behind the threshold the value must be before the alarm clears, in its unit. */
  hysteresis: number;
  /** How long it must be violated, by the times of the readings, before the alarm is raised. */
  onDelaySeconds: number;
  /** How long it must be normal, by the times of the readings, before the alarm clears. */
  offDelaySeconds: number;
  /** How much the alarm matters. */
  priority: AlarmPriority;
  /** Whether it is watched. */
  enabled: boolean;
  /** Whether the alarm stays after the value is normal again, until somebody acknowledges it then. */
  latched: boolean;
  /** For the operator: what is probably the matter. */
  cause: string;
  /** For the operator: what happens when nobody does anything. */
  consequence: string;
  /** For the operator: what to do. */
  action: string;
  /** For the operator: within how many seconds; null when nothing is said. */
  respondWithinSeconds: number | null;
  /** Opaque and stable, `lim_4`. */
  id: string;
  /** The point whose readings are compared. */
  pointId: string;
  /** Whether it came from the device's profile, and follows that. */
  fromProfile: boolean;
}

/** How much of the load one alarm brings. */
export interface AlarmLoad {
  /** The alarm, as it is now. */
  alarm: Alarm;
  /** How often it called. */
  alarms: number;
  /** Its share of all, 0 to 1. */
  share: number;
  /** How often it cleared within `fleetingSeconds`. */
  fleeting: number;
  /** How often it called for the third time within a minute: it chatters if it did. */
  repeats: number;
  /** How long it stood on average. */
  standingSeconds: number;
}

/** By what alarms are listed. */
export type AlarmOrder = "PRIORITY" | "RAISED" | "CHANGED";

/** That an alarm is out of service: what it watches is in maintenance. */
export interface AlarmOutOfService {
  /** Since when. */
  at: string;
  /** When it comes back by itself. */
  until: string;
  /** Who put it out of service. */
  by: string;
  /** Why. */
  reason: string;
}

/** What became of one alarm. */
export interface AlarmOutcome {
  /** The alarm. */
  alarmId: string;
  /** What became of it. */
  result: AlarmResult;
  /** Why it was not done, in a sentence; null when it was. */
  message: string | null;
  /** The alarm, as it is now; null when there is none. */
  alarm: Alarm | null;
}

/** How well the alarm system did in a period. Each part is counted when it is asked for. */
export interface AlarmPerformance {
  /** Beginning of the period. */
  from: string;
  /** Its end; not later than now. */
  to: string;
  /** Among how many operators the alarms are shared. */
  operators: number;
  /** The numbers, to be held against the benchmarks. */
  summary: AlarmPerformanceSummary;
  /** Alarms in each ten minutes. */
  windows: AlarmWindows;
  /** The newest floods, at most 1,000, the newest first. */
  floods: AlarmFlood[];
  /** The alarms that called most often. */
  worst: AlarmLoad[];
  /** Alarms that stood for more than 24 hours, at most 1,000, the oldest first. */
  stale: StaleAlarm[];
  /** How alarms are distributed over the priorities, critical first. */
  priorities: AlarmPriorityShare[];
}

/** The numbers of a period. Alarms are those that called: raised, and neither shelved, suppressed nor out of service. */
export interface AlarmPerformanceSummary {
  /** How often an alarm called. */
  alarms: number;
  /** Alarms a day for each operator. */
  perDay: number;
  /** What that means. */
  benchmark: AlarmBenchmark;
  /** Alarms in ten minutes for each operator, on average: 1 is acceptable, 2 the most that can be managed. */
  perTenMinutes: number;
  /** Alarms in the worst ten minutes: 10 at the most for each operator. */
  mostInTenMinutes: number;
  /** Share of the ten minutes with more than 10 alarms for each operator, 0 to 1: below 0.01. */
  shareOver: number;
  /** How many floods there were. */
  floods: number;
  /** Share of the time in a flood, 0 to 1: below 0.01. */
  shareInFlood: number;
  /** Share of all alarms that the ten worst bring, 0 to 1: up to 0.05. */
  worstShare: number;
  /** Alarms that called three times within a minute: none. */
  chattering: number;
  /** How often an alarm cleared within `fleetingSeconds`, before anybody could do anything. */
  fleeting: number;
  /** How often an alarm stood for more than 24 hours: fewer than 5 on any day. */
  stale: number;
  /** How often an alarm was acknowledged. */
  acknowledged: number;
  /** How often it was not, before it was raised again or within a day after the period. */
  unacknowledged: number;
  /** Half of them were acknowledged within so many seconds. */
  acknowledgeMedianSeconds: number | null;
  /** 19 of 20 were acknowledged within so many seconds. */
  acknowledgeP95Seconds: number | null;
  /** How often an alarm was raised while it was shelved, suppressed or out of service. */
  hidden: number;
  /** How often somebody shelved an alarm. */
  shelved: number;
  /** How often an alarm was put out of service. */
  outOfService: number;
  /** How many alarms are shelved now. */
  shelvedNow: number;
}

/** How much an alarm matters. */
export type AlarmPriority = "CRITICAL" | "HIGH" | "MEDIUM" | "LOW";

/** The alarms of one priority. */
export interface AlarmPriorityShare {
  /** The priority. */
  priority: AlarmPriority;
  /** How often alarms of it called. */
  alarms: number;
  /** Their share of all, 0 to 1. */
  share: number;
  /** What ISA-18.2 aims at with four priorities: about 80 % low, 15 % medium, 5 % high, less than 1 % the highest. */
  targetShare: number;
  /** How often one was acknowledged. */
  acknowledged: number;
  /** How often it was not. */
  unacknowledged: number;
  /** Half of them were acknowledged within so many seconds. */
  acknowledgeMedianSeconds: number | null;
  /** 19 of 20 were acknowledged within so many seconds. */
  acknowledgeP95Seconds: number | null;
}

/** What became of an alarm that somebody wanted to change. */
export type AlarmResult = "DONE" | "NOTHING" | "TAKEN" | "GONE" | "SHARED";

/** That an alarm is on the shelf: nobody is called by it until then. */
export interface AlarmShelf {
  /** Until a time, or until it clears. */
  kind: ShelfKind;
  /** Since when. */
  at: string;
  /** When it comes back by itself, at the latest. */
  until: string;
  /** Who shelved it. */
  by: string;
  /** Why. */
  reason: string;
}

/** What an alarm watches. */
export type AlarmSource = "LIMIT" | "DEVICE" | "CONNECTION" | "SYSTEM";

/** The states of ISA-18.2. That an alarm is shelved, suppressed or out of service comes beside it. */
export type AlarmState = "NORMAL" | "UNACKNOWLEDGED" | "ACKNOWLEDGED" | "RETURNED" | "LATCHED_UNACKNOWLEDGED" | "LATCHED_ACKNOWLEDGED";

/** How many alarms there are now, and the worst of them. */
export interface AlarmSummary {
  /** How many are active, also hidden ones. */
  active: number;
  /** How many call somebody: active, not acknowledged, not hidden. */
  calling: number;
  /** How many are shelved or out of service. */
  hidden: number;
  /** Active critical ones that are not shelved or out of service. */
  critical: number;
  /** The same of high priority. */
  high: number;
  /** The same of medium priority. */
  medium: number;
  /** The same of low priority. */
  low: number;
  /** The one that matters most: active before what is gone, by priority, the newest first; none that is shelved or out of service. Null when all is well. */
  worst: Alarm | null;
}

/** Something that happened to an alarm, and how the alarm is after it. */
export interface AlarmTransition {
  /** Opaque and stable, `aev_12`. */
  id: string;
  /** When it happened: the time of the reading, or of what a person did. */
  time: string;
  /** When the database learned of it. */
  recordedAt: string;
  /** Whether it became known late, because the database was away. */
  late: boolean;
  /** Whether the alarm was shelved, suppressed or out of service after it. */
  hidden: boolean;
  /** The alarm. */
  alarmId: string;
  /** What the alarm watches. */
  source: AlarmSource;
  /** The alarm's kind: `high`, `offline`. */
  kind: string;
  /** The priority that it had then. */
  priority: AlarmPriority;
  /** What happened. */
  event: AlarmEventKind;
  /** Its state after that. */
  state: AlarmState;
  /** Who did it; null: the value did, or time. */
  actor: string | null;
  /** Why: the person's reason or note, of DDMS a sentence. */
  note: string | null;
  /** When a shelf or a maintenance will end. */
  until: string | null;
  /** The value then. */
  value: number | null;
  /** How far the value could be trusted. */
  quality: Quality | null;
  /** The limit in force then. */
  threshold: number | null;
  /** The device; null of a connection and of the system. */
  deviceId: string | null;
  /** The device's name, also after it was deleted. */
  deviceName: string | null;
  /** The point; only of a limit's alarm. */
  pointId: string | null;
  /** The point's name, also after it was deleted. */
  pointName: string | null;
  /** Of a connection its endpoint; of the system whose alarm it is of this kind. */
  subject: string | null;
  /** The alarm as it is after all that this event tells. */
  alarm: LiveAlarm;
}

/** How many alarms called in each ten minutes, as columns of one length. */
export interface AlarmWindows {
  /** Where each ten minutes begin. */
  time: number[];
  /** How many called in them. */
  alarms: (number | null)[];
}

/** Alarms: first those that are shown, then what happens. */
export interface AlarmsEvent {
  /** Whether these are all, or what happened. */
  kind: EventKind;
  /** Why all were sent; null for what happened. */
  reason: SnapshotReason | null;
  /** Pass it as `resumeFrom` to go on from here after a break, at any replica of the API. */
  resumeToken: string;
  /** Whether `transitions` are all that was missed; false when there were more than 10,000, or the database was restored: `alarmJournal` has them. */
  complete: boolean;
  /** Of a snapshot: how many alarms there are in all; null for what happened. */
  shown: number | null;
  /** Of a snapshot: the alarms that are not normal, or hidden, the worst first, `first` of them at most. */
  alarms: LiveAlarm[];
  /** What happened, in order; of what was missed the oldest first. One may come twice, never not at all: its id identifies it. */
  transitions: AlarmTransition[];
}

/** The answer of each mutation about alarms: what was not done stands in `errors`, the others were done. */
export interface AlarmsPayload {
  /** What was wrong with the input (then nothing was done), or with single alarms (`ids.2`; then the others were done). */
  errors: UserError[];
  /** What became of each alarm, in the order of the ids. */
  results: AlarmOutcome[];
}

/** What people know of a time: "filter changed". It is of a point, a device, a group, or, with none of them, of the whole site. */
export interface Annotation {
  /** Opaque and stable, `ann_3`. */
  id: string;
  /** When it was, or began. */
  from: string;
  /** When it ended; null: it is a moment. */
  to: string | null;
  /** What there is to know. */
  text: string;
  /** The device that it is of, also when it is of one of its points. */
  deviceId: string | null;
  /** The device's name. */
  deviceName: string | null;
  /** The point that it is of. */
  pointId: string | null;
  /** The point's name. */
  pointName: string | null;
  /** The group that it is of. */
  groupId: string | null;
  /** The group's name. */
  groupName: string | null;
  /** Who wrote it, by name. */
  createdBy: string;
  /** When it was written. */
  createdAt: string;
  /** Who changed it last; null: nobody did. */
  updatedBy: string | null;
  /** When it was last changed. */
  updatedAt: string | null;
  /** Grows with each change; updateAnnotation may ask for it. */
  version: number;
}

/** What shall be different; what is left out stays. */
export interface AnnotationChanges {
  /** When it was, or began. */
  from?: string | null;
  /** When it ended; null: it is a moment. */
  to?: string | null;
  /** What there is to know, 1 to 2,000 characters. */
  text?: string | null;
}

/** A page of a list. */
export interface AnnotationConnection {
  /** What stands on this page, with cursors. */
  edges: AnnotationEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Annotation[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface AnnotationEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Annotation;
}

/** An annotation, as it shall be: of a point, a device, a group, or with none of them of the whole site. */
export interface AnnotationInput {
  /** When it was, or began; from 1970 to 2100. */
  from?: string;
  /** When it ended; left out: it is a moment. */
  to?: string | null;
  /** What there is to know, 1 to 2,000 characters. */
  text?: string;
  /** The point that it is of. */
  point?: string | null;
  /** Or the device. */
  device?: string | null;
  /** Or the group. */
  group?: string | null;
}

/** The answer of createAnnotation and updateAnnotation. */
export interface AnnotationPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** As it is now; null when there were errors. */
  annotation: Annotation | null;
}

/** Something that is recorded whenever it is done. */
export interface AuditAction {
  /** `device.update`. */
  name: string;
  /** What it says. */
  meaning: string;
}

/** What was done once: by whom, when, from where, what it was before and after. */
export interface AuditEntry {
  /** Its place in the chain, from 1 without a gap. */
  number: number;
  /** When it was done. */
  at: string;
  /** Name of who did it, as it was then. */
  actor: string;
  /** What that is; null in entries from before it was recorded. */
  actorKind: ActorKind | null;
  /** `usr_2` of a person, `tok_5` of a program's token; null for DDMS itself. */
  actorId: string | null;
  /** The key in use; of a person it names the session. */
  token: string | null;
  /** Where the client was. */
  address: string | null;
  /** What the client calls itself (User-Agent); of the command line the account and machine. */
  client: string | null;
  /** By which way it was asked. */
  transport: AuditTransport | null;
  /** What was done, `device.update`; `auditActions` explains them. */
  action: string;
  /** What it was done to: an id as `dev_12`, or a name. */
  subject: string;
  /** What it was before, or what of it changed; null when it is new. */
  before: unknown | null;
  /** What it is after; null when it is gone. */
  after: unknown | null;
  /** SHA-256 of this entry and the hash of the one before, in hexadecimal digits. */
  hash: string;
  /** What it was done to, by the name that it has now; null when it is gone or has none. */
  subjectName: string | null;
  /** The device that it was done to; null when it was none, or it is gone. */
  device: Device | null;
}

/** A page of a list. */
export interface AuditEntryConnection {
  /** What stands on this page, with cursors. */
  edges: AuditEntryEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: AuditEntry[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface AuditEntryEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: AuditEntry;
}

/** By which way something was asked. */
export type AuditTransport = "GRAPHQL" | "WEBSOCKET" | "PAGE" | "ACTION" | "EXPORT" | "COMMAND_LINE" | "SCHEDULER";

/** A backup of the whole database: asked for, being made, or there. */
export interface Backup {
  /** Opaque. */
  id: string;
  /** The name of its files, without their ends. */
  name: string;
  /** How far it is. */
  state: BackupState;
  /** Why there is one. */
  reason: BackupReason;
  /** When it was asked for; of one that was found, when it was made. */
  askedAt: string;
  /** Who asked; null: it was time. */
  askedBy: string | null;
  /** Whether history is in it as rows, for any edition of the storage. */
  portable: boolean;
  /** Whether only the secret keys of age that belong to its recipients open it. */
  encrypted: boolean;
  /** How often it was tried. */
  attempt: number;
  /** From when on it is made; after a failure, an hour later. */
  dueAt: string;
  /** When it was last begun. */
  startedAt: string | null;
  /** When it ended. */
  finishedAt: string | null;
  /** How much is done of what runs, the backup or its verification, 0 to 1; null when nobody knows. */
  progress: number | null;
  /** What is done just now, or what it waits for. */
  doing: string | null;
  /** Why it was not made. */
  error: string | null;
  /** The size of its file. */
  bytes: number | null;
  /** The size of the database when it was made. */
  databaseBytes: number | null;
  /** SHA-256 of its file, in hexadecimal digits. */
  checksum: string | null;
  /** Whether a person said that it is kept, however many follow. */
  kept: boolean;
  /** When its files were removed: newer ones followed, or a person said so. */
  removedAt: string | null;
  /** When it was copied to the second place. */
  copiedAt: string | null;
  /** Why it could not be copied; it is tried again. */
  copyError: string | null;
  /** When it was last restored and all was right; null: never yet. */
  lastVerified: string | null;
  /** Its newest verification; null: never asked for. */
  verification: BackupVerification | null;
  /** What is in it; null until it is there. */
  contents: BackupContents | null;
}

/** A page of a list. */
export interface BackupConnection {
  /** What stands on this page, with cursors. */
  edges: BackupEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Backup[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** What is in a backup, from its manifest: read in the same moment as the backup itself. */
export interface BackupContents {
  /** The moment whose state it holds. */
  takenAt: string | null;
  /** The version of DDMS that made it. */
  ddms: string;
  /** The version of the schema. */
  schema: string;
  /** The version of PostgreSQL. */
  postgresql: string;
  /** The version of TimescaleDB; null without. */
  timescaledb: string | null;
  /** The storage edition: community, apache or plain. */
  edition: string;
  /** The version of the configuration in it. */
  configurationVersion: number | null;
  /** How many dashboards this DDMS showed; their checksums are in the manifest. */
  dashboards: number;
  /** Its tables, by name. */
  tables: BackupTable[];
}

/** One of a list, with its place. */
export interface BackupEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Backup;
}

/** The answer of the mutations of backups. */
export interface BackupPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The backup as it is then; null when there were errors. */
  backup: Backup | null;
}

/** Why there is a backup. */
export type BackupReason = "SCHEDULED" | "ASKED" | "FOUND";

/** How far a backup is. */
export type BackupState = "WAITING" | "RUNNING" | "DONE" | "FAILED" | "CANCELLED" | "MISSING";

/** What a backup holds of a table. */
export interface BackupTable {
  /** The table, `readings`. */
  name: string;
  /** How many rows. */
  rows: number;
  /** The time of the first; null of what is no history, or of nothing. */
  first: string | null;
  /** The time of the last. */
  last: string | null;
}

/** A restore of a backup into a scratch database, compared with its manifest. */
export interface BackupVerification {
  /** How it went. */
  state: VerificationState;
  /** When it was asked for. */
  askedAt: string | null;
  /** Who asked; null: it was time. */
  askedBy: string | null;
  /** When it began. */
  startedAt: string | null;
  /** When one last ended well. */
  verifiedAt: string | null;
  /** How long it took. */
  seconds: number | null;
  /** What was wrong; null when nothing was. */
  error: string | null;
  /** What was compared, and what differs. */
  details: unknown | null;
}

/** Backups and restores: first those that wait, run or are there, then those that changed. */
export interface BackupsEvent {
  /** Whether these are all, or those that changed. */
  kind: EventKind;
  /** Why all were sent; null for changes. */
  reason: SnapshotReason | null;
  /** How each is, what waits or runs first, then the newest; one that was removed has `removedAt`. */
  backups: LiveBackup[];
  /** How each restore is, the newest first; of a snapshot the newest 20. */
  restores: Restore[];
}

/** The order in which the device sends the bytes A B C D of a value, A being the most significant. */
export type ByteOrder = "ABCD" | "DCBA" | "BADC" | "CDAB";

/** Buckets by the calendar of the site, as the configuration has it. */
export type Calendar = "HOUR" | "SHIFT" | "DAY" | "WEEK" | "MONTH" | "QUARTER" | "YEAR" | "FISCAL_QUARTER" | "FISCAL_YEAR";

/** The answer of updateProfile and applyProfile. */
export interface ChangeProfilePayload {
  /** What was wrong; then nothing was changed. */
  errors: UserError[];
  /** The profile, as it is now; null when there were errors. */
  profile: Profile | null;
  /** What is different, or would be; null when there were errors. */
  difference: ProfileDifference | null;
  /** Whether it was done; false for a dry run. */
  applied: boolean;
}

/** A program that polls devices. */
export interface Collector {
  /** Its name, as configured. */
  name: string;
  /** Whether it was heard of in the last 30 seconds. */
  alive: boolean;
  /** When it started. */
  startedAt: string;
  /** When it was last heard of. */
  seenAt: string;
  /** Its version of DDMS. */
  version: string;
  /** Number of its newest flush; each is one more than the one before. */
  sequence: number;
  /** Readings that were lost because neither the database nor its spool took them, since it was installed. */
  lostReadings: number;
  /** When readings were last lost. */
  lostAt: string | null;
  /** What waits in its spool for the database, as it last said, in bytes. */
  spoolBytes: number;
  /** How old the oldest of it is; null when the spool is empty. */
  spoolSince: string | null;
  /** What keeps it from storing readings as fast as it reads them, as it last said; null when nothing does. */
  trouble: string | null;
  /** Readings that the database refused for their content since it started; they are set aside in its spool. */
  refusedReadings: number;
  /** How large its spool may become, in bytes; null of a collector that never said it. */
  spoolMaxBytes: number | null;
  /** How much its spool can still take, in bytes: what its limit leaves, or its disk, whichever is less. */
  spoolRoomBytes: number | null;
  /** Why its spool cannot be written; null when it can. */
  spoolFault: string | null;
  /** By how much its clock is ahead of the database's, in seconds; negative: behind. */
  clockSeconds: number | null;
}

/** A page of a list. */
export interface CollectorConnection {
  /** What stands on this page, with cursors. */
  edges: CollectorEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Collector[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface CollectorEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Collector;
}

/** Series of several points each, on the same buckets. */
export interface Combined {
  /** How long a bucket is; of shifts the longest. */
  bucket: string;
  /** Where each bucket begins. */
  time: number[];
  /** Where each ends. */
  until: number[];
  /** The name of each bucket's shift, with the calendar SHIFT; else empty. */
  shift: (string | null)[];
  /** The terms as they were asked for, then the ratios. */
  values: CombinedValues[];
}

/** One term divided by another, bucket by bucket. */
export interface CombinedRatio {
  /** What it is called in the answer. */
  name?: string;
  /** The name of the term above the line. */
  divide?: string;
  /** The name of the term below it. */
  by?: string;
  /** What the quotient is multiplied with: 100 for percent. */
  times?: number;
  /** Its unit; made of the two units when left out. */
  unit?: string | null;
}

/** Points of which one series is made. */
export interface CombinedTerm {
  /** What it is called in the answer, and in `ratios`. */
  name?: string;
  /** These points. */
  points?: string[] | null;
  /** The points of these devices. */
  devices?: string[] | null;
  /** The points of the devices in these groups. */
  groups?: string[] | null;
  /** Of devices and groups only the points with these keys; alone, those of all devices. */
  keys?: string[] | null;
  /** What is taken of each point. */
  take?: Measure;
  /** How the points become one. */
  over?: Over;
  /** What STATE_SECONDS and STARTS are about: `> 0`, `1..5`, the name of a value. */
  state?: string | null;
}

/** A column of values: a term, or a ratio. */
export interface CombinedValues {
  /** As it was asked for. */
  name: string;
  /** Its unit. */
  unit: string;
  /** The value of each bucket; null where there is none. */
  value: (number | null)[];
  /** Of how many points each value is made: fewer than the term has, where some had none. Of a ratio those below the line. */
  points: (number | null)[];
  /** Why a value is null: `no value` (of any point), `division by zero`, or `out of range`; else null. */
  reason: (string | null)[];
}

/** What the owner decides for the whole site. */
export interface Configuration {
  /** What the site is called, on its pages and in files; may be empty. */
  siteName: string;
  /** Where the site is, `Europe/Berlin`: whose days count, and by whose clock schedules run. */
  timeZone: string;
  /** When people work, by the site's clock, `Early 06:00-14:00; Late mon-fri 14:00-22:00; Night 22:00-06:00`: what `series` and exports are told by. Between shifts may be a gap. */
  shifts: string;
  /** On which day a week begins in `series`, exports and on dashboards. */
  weekStart: Weekday;
  /** With which month a fiscal year and its quarters begin. */
  fiscalMonth: Month;
  /** In which language the system speaks when nobody says otherwise. */
  language: Language;
  /** When expired readings are removed each day, `02:00`, in the site's time zone. */
  cleanupTime: string;
  /** Readings older than this are compressed, in days; those that are compressed stay so. */
  compressAfterDays: number;
  /** How long a new device keeps its readings unless it says otherwise, in days; those that are there keep what they have. */
  retentionDays: number;
  /** How long rollups of a minute are kept, in days; at least as long as their readings. */
  rollup1mDays: number;
  /** How long rollups of an hour are kept, in days; at least as long as those of a minute. */
  rollup1hDays: number;
  /** How long rollups of a day are kept, in days; at least as long as those of an hour. */
  rollup1dDays: number;
  /** How long entries of the audit are kept, in days. */
  auditDays: number;
  /** How long a browser that does nothing stays signed in, in minutes; to a minute and a half. */
  sessionIdleMinutes: number;
  /** How long a browser stays signed in whatever it does, in hours. */
  sessionHours: number;
  /** For how long an alarm may be shelved at the longest, in hours. */
  shelfHours: number;
  /** How much it matters when a device does not answer; also of alarms that are there. */
  deviceAlarmPriority: AlarmPriority;
  /** How much it matters when nothing behind a connection of several devices answers; also of alarms that are there. */
  connectionAlarmPriority: AlarmPriority;
  /** The database's disk is an alarm when more of it is used, in percent; from a little below on it is none. */
  diskFillingPercent: number;
  /** The database's disk is a critical alarm when more of it is used, in percent. */
  diskFullPercent: number;
  /** A collector's spool is an alarm when more of it is used, in percent. */
  spoolFillingPercent: number;
  /** Ingest is an alarm when more of a collector's points miss their last three intervals, in percent. */
  latePointsPercent: number;
  /** Readings that have waited in a spool for longer are an alarm, in seconds. */
  backlogSeconds: number;
  /** A clock that differs by more from the database's is an alarm, in seconds. */
  clockOffSeconds: number;
  /** A watched certificate that is valid for less is an alarm of high priority, in days. */
  certificateSoonDays: number;
  /** A watched certificate that is valid for less is an alarm of medium priority, in days. */
  certificateDays: number;
  /** When a backup is made, five fields of cron in the site's time zone, `0 1 * * *` for each night at one; empty: never by itself. */
  backupSchedule: string;
  /** How many of the newest backups are kept; older ones are removed, unless a person or the number of months keeps them. */
  backupsKept: number;
  /** Of how many months the first backup is kept besides. */
  backupsKeptMonthly: number;
  /** Whether scheduled backups hold history as rows, which restore on any edition of the storage, and take longer. */
  backupPortable: boolean;
  /** Public keys of age (`age1…`), one a line, for which backups are encrypted: whoever has one of the secret keys can read them, the server cannot; empty: not encrypted. */
  backupRecipients: string;
  /** When the newest backup is restored into a scratch database and compared, five fields of cron in the site's time zone; empty: never by itself. */
  verifySchedule: string;
  /** How old the newest verified backup may be before it is a system alarm, in days. */
  verifiedWithinDays: number;
  /** Grows with each change; updateConfiguration may ask for it. */
  version: number;
  /** When it was last changed. */
  updatedAt: string;
}

/** How a version of the configuration came to be. */
export type ConfigurationChangeKind = "FOUND" | "UPDATE" | "REVERT" | "IMPORT";

/** What shall be different; what is left out stays. */
export interface ConfigurationChanges {
  /** What the site is called, on its pages and in files; may be empty. */
  siteName?: string | null;
  /** Where the site is, `Europe/Berlin`: whose days count, and by whose clock schedules run. */
  timeZone?: string | null;
  /** When people work, by the site's clock, `Early 06:00-14:00; Late mon-fri 14:00-22:00; Night 22:00-06:00`: what `series` and exports are told by. Between shifts may be a gap. */
  shifts?: string | null;
  /** On which day a week begins in `series`, exports and on dashboards. */
  weekStart?: Weekday | null;
  /** With which month a fiscal year and its quarters begin. */
  fiscalMonth?: Month | null;
  /** In which language the system speaks when nobody says otherwise. */
  language?: Language | null;
  /** When expired readings are removed each day, `02:00`, in the site's time zone. In force after the cleanup that is announced. */
  cleanupTime?: string | null;
  /** Readings older than this are compressed, in days; those that are compressed stay so. Takes 1 to 365 days. In force within hours, when the database compresses next. */
  compressAfterDays?: number | null;
  /** How long a new device keeps its readings unless it says otherwise, in days; those that are there keep what they have. Takes 1 to 3,650 days. In force for devices that are added from now on. */
  retentionDays?: number | null;
  /** How long rollups of a minute are kept, in days; at least as long as their readings. Takes 1 to 36,500 days. In force at the cleanup after the next announcement, a day later or two. */
  rollup1mDays?: number | null;
  /** How long rollups of an hour are kept, in days; at least as long as those of a minute. Takes 1 to 36,500 days. In force at the cleanup after the next announcement, a day later or two. */
  rollup1hDays?: number | null;
  /** How long rollups of a day are kept, in days; at least as long as those of an hour. Takes 1 to 36,500 days. In force at the cleanup after the next announcement, a day later or two. */
  rollup1dDays?: number | null;
  /** How long entries of the audit are kept, in days. Takes 90 to 3,650 days. In force in the next night, with the job `audit`. */
  auditDays?: number | null;
  /** How long a browser that does nothing stays signed in, in minutes; to a minute and a half. Takes 5 to 43,200 minutes. In force for those who sign in from now on. */
  sessionIdleMinutes?: number | null;
  /** How long a browser stays signed in whatever it does, in hours. Takes 1 to 8,760 hours. In force for those who sign in from now on. */
  sessionHours?: number | null;
  /** For how long an alarm may be shelved at the longest, in hours. Takes 1 to 720 hours. In force for shelves from now on. */
  shelfHours?: number | null;
  /** How much it matters when a device does not answer; also of alarms that are there. */
  deviceAlarmPriority?: AlarmPriority | null;
  /** How much it matters when nothing behind a connection of several devices answers; also of alarms that are there. */
  connectionAlarmPriority?: AlarmPriority | null;
  /** The database's disk is an alarm when more of it is used, in percent; from a little below on it is none. Takes 10 to 99 percent. */
  diskFillingPercent?: number | null;
  /** The database's disk is a critical alarm when more of it is used, in percent. Takes 10 to 99 percent. */
  diskFullPercent?: number | null;
  /** A collector's spool is an alarm when more of it is used, in percent. Takes 10 to 99 percent. */
  spoolFillingPercent?: number | null;
  /** Ingest is an alarm when more of a collector's points miss their last three intervals, in percent. Takes 1 to 99 percent. */
  latePointsPercent?: number | null;
  /** Readings that have waited in a spool for longer are an alarm, in seconds. Takes 10 to 86,400 seconds. */
  backlogSeconds?: number | null;
  /** A clock that differs by more from the database's is an alarm, in seconds. Takes 1 to 3,600 seconds. */
  clockOffSeconds?: number | null;
  /** A watched certificate that is valid for less is an alarm of high priority, in days. Takes 1 to 365 days. */
  certificateSoonDays?: number | null;
  /** A watched certificate that is valid for less is an alarm of medium priority, in days. Takes 1 to 365 days. */
  certificateDays?: number | null;
  /** When a backup is made, five fields of cron in the site's time zone, `0 1 * * *` for each night at one; empty: never by itself. */
  backupSchedule?: string | null;
  /** How many of the newest backups are kept; older ones are removed, unless a person or the number of months keeps them. Takes 1 to 1,000 backups. In force within a minute, unless the newest backup failed. */
  backupsKept?: number | null;
  /** Of how many months the first backup is kept besides. Takes 0 to 1,200 months. In force within a minute, unless the newest backup failed. */
  backupsKeptMonthly?: number | null;
  /** Whether scheduled backups hold history as rows, which restore on any edition of the storage, and take longer. In force with the next backup. */
  backupPortable?: boolean | null;
  /** Public keys of age (`age1…`), one a line, for which backups are encrypted: whoever has one of the secret keys can read them, the server cannot; empty: not encrypted. In force with the next backup. */
  backupRecipients?: string | null;
  /** When the newest backup is restored into a scratch database and compared, five fields of cron in the site's time zone; empty: never by itself. */
  verifySchedule?: string | null;
  /** How old the newest verified backup may be before it is a system alarm, in days. Takes 1 to 3,650 days. */
  verifiedWithinDays?: number | null;
}

/** What a change of the configuration does to something that is there. */
export interface ConfigurationConsequence {
  /** What it is about. */
  about: ConsequenceConcern;
  /** What happens, in a sentence. */
  message: string;
  /** The job, table, source of alarms or kind of system alarm; null when none. */
  subject: string | null;
  /** Whether something goes that nothing brings back but a backup. */
  removes: boolean;
  /** How many devices, chunks, alarms, browsers or backups; null when none. */
  count: number | null;
  /** How many rows of history or entries, about; null when none. */
  rows: number | null;
  /** What they take, in bytes, about; null when nobody knows. */
  bytes: number | null;
  /** When it was to be until now; null: never, or it has no time. */
  movedFrom: string | null;
  /** When it will be; null: never, or it has no time. */
  movedTo: string | null;
}

/** A field that is different, as files write it. */
export interface ConfigurationDifference {
  /** Its name in `Configuration`, `backupsKept`. */
  field: string;
  /** A few words that name it. */
  title: string;
  /** What it was; of a field that came with an upgrade in between, its default. */
  before: string;
  /** What it is then. */
  after: string;
}

/** A field of the configuration: what it takes and means, in the caller's language. */
export interface ConfigurationField {
  /** Its name in `Configuration`, `backupsKept`. */
  name: string;
  /** Its name in files and on the command line, `backups_kept`. */
  key: string;
  /** What kind of value it takes. */
  kind: ConfigurationFieldKind;
  /** A few words that name it. */
  title: string;
  /** What it means. */
  description: string;
  /** The unit of a number, in words; null when it is none. */
  unit: string | null;
  /** The least number; null when it is none. */
  least: number | null;
  /** The greatest number, or how many characters a name has at most. */
  most: number | null;
  /** Another field, below whose value it may not be. */
  atLeast: string | null;
  /** The words that it may be, as files and the command line write them. */
  choices: string[];
  /** What a new site has, as files write it. */
  default: string;
  /** When a change of it is in force. */
  effect: string;
  /** Whether a change concerns also what is there already. */
  changesThePast: boolean;
  /** Whether another site, set up alike, has another value. */
  ofThisSite: boolean;
}

/** What kind of value a field of the configuration takes. */
export type ConfigurationFieldKind = "WHOLE" | "SWITCH" | "CHOICE" | "TIME_OF_DAY" | "TIME_ZONE" | "SCHEDULE" | "NAME" | "RECIPIENTS" | "SHIFTS";

/** The answer of a change of the configuration. */
export interface ConfigurationPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The configuration, as it is then, or would be; null when there were errors. A dry run shows the version that it would get. */
  configuration: Configuration | null;
  /** The fields that are different; empty when nothing is. */
  changes: ConfigurationDifference[];
  /** What that does to what is there already. */
  consequences: ConfigurationConsequence[];
}

/** A version of the configuration: who made it, and what it changed. */
export interface ConfigurationVersion {
  /** Its number; `revertConfiguration` takes it. */
  version: number;
  /** When it was made. */
  at: string;
  /** How it was made. */
  how: ConfigurationChangeKind;
  /** Of a revert: the version whose values were taken again. */
  revertedTo: number | null;
  /** Name of who made it, as it was then. */
  actor: string;
  /** What that is; null when it was not recorded. */
  actorKind: ActorKind | null;
  /** `usr_2` of a person, `tok_5` of a program's token; else null. */
  actorId: string | null;
  /** Where the client was. */
  address: string | null;
  /** What the client calls itself. */
  client: string | null;
  /** By which way it was asked. */
  transport: AuditTransport | null;
  /** What is different from the version before. */
  changes: ConfigurationDifference[];
  /** All fields that it had, under the names that files give them. */
  settings: unknown;
}

/** A page of a list. */
export interface ConfigurationVersionConnection {
  /** What stands on this page, with cursors. */
  edges: ConfigurationVersionEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: ConfigurationVersion[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface ConfigurationVersionEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: ConfigurationVersion;
}

/** What shall be different; what is left out stays. */
export interface ConnectionChanges {
  /** Its new address, when the gateway moved: all devices behind it go along. */
  endpoint?: string | null;
  /** Bits a second, 300 to 4,000,000; of a serial line only. */
  baudRate?: number | null;
  /** The check bit; of a serial line only. */
  parity?: Parity | null;
  /** Bits that end a character, 1 or 2; of a serial line only. */
  stopBits?: number | null;
  /** How long to wait for each answer, 50 to 30,000 ms. */
  timeoutMs?: number | null;
  /** How long to rest after connecting, 0 to 10,000 ms. */
  connectPauseMs?: number | null;
  /** How long to rest between two requests, 0 to 10,000 ms. */
  requestPauseMs?: number | null;
  /** 1 to 16; more than 1 only for Modbus TCP, and only if the device takes it. */
  maxInFlight?: number | null;
  /** Whether to close it after each cycle. */
  closeAfterCycle?: boolean | null;
}

/** The answer of updateConnection. */
export interface ConnectionPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The connection, as it is now; null when there were errors. */
  connection: ModbusConnection | null;
}

/** What a consequence of a change of the configuration is about. */
export type ConsequenceConcern = "JOBS" | "CLEANUP" | "HISTORY" | "COMPRESSION" | "AUDIT" | "ALARMS" | "SYSTEM_ALARMS" | "DEVICES" | "SESSIONS" | "BACKUPS";

/** The answer of createToken. */
export interface CreateTokenPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The new token; null when there were errors. */
  token: Token | null;
  /** The token's text, `ddms_…`: shown this once, and kept nowhere; null when there were errors. */
  secret: string | null;
}

/** What the bits of a register mean. */
export type DataType = "BOOL" | "BIT" | "UINT8_LOW" | "UINT8_HIGH" | "INT8_LOW" | "INT8_HIGH" | "UINT16" | "INT16" | "UINT32" | "INT32" | "UINT64" | "INT64" | "FLOAT16" | "FLOAT32" | "FLOAT64" | "STRING" | "BITS" | "UINT24" | "INT24" | "UINT48" | "INT48" | "SIGNED16" | "SIGNED32" | "BCD16" | "BCD32" | "BCD64" | "MOD10K16" | "MOD10K32" | "MOD10K48" | "MOD10K64" | "UNIX32" | "UNIX64" | "DATETIME3" | "DATETIME4" | "DATETIME_BCD" | "STRING_LOW" | "STRING_UTF16";

/** The answer of deleteAnnotation. */
export interface DeleteAnnotationPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The annotation that is gone; null when there were errors. */
  deletedId: string | null;
}

/** The answer of deleteDevice. */
export interface DeleteDevicePayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The device that is gone; null when there were errors. */
  deletedId: string | null;
  /** With keepHistory: false, how far its history is erased; ask `erasure` again for progress. */
  erasure: Erasure | null;
}

/** The answer of deleteGroup. */
export interface DeleteGroupPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The group that is gone; null when there were errors. */
  deletedId: string | null;
}

/** The answer of deleteLimits. */
export interface DeleteLimitsPayload {
  /** What was wrong; then nothing was deleted. */
  errors: UserError[];
  /** The limits that are gone. */
  deletedIds: string[];
}

/** The answer of deletePoints. */
export interface DeletePointsPayload {
  /** What was wrong; then nothing was deleted. */
  errors: UserError[];
  /** The points that are gone. */
  deletedIds: string[];
}

/** The answer of deleteProfile. */
export interface DeleteProfilePayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The profile that is gone; null when there were errors. */
  deletedId: string | null;
}

/** The answer of deleteUser. */
export interface DeleteUserPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The person who is gone; null when there were errors. */
  deletedId: string | null;
}

/** The answer of deleteWebhook. */
export interface DeleteWebhookPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The webhook that is gone; null when there were errors. */
  deletedId: string | null;
}

/** What became of a message to a webhook. */
export type DeliveryState = "WAITING" | "DONE" | "DEAD";

/** Something that speaks Modbus: a PLC, a meter, a drive. */
export interface Device {
  /** Opaque and stable, `dev_12`. */
  id: string;
  /** Unique; upper and lower case are the same. */
  name: string;
  /** What a person should know of it. */
  description: string;
  /** Where it is: `tcp://host:502`, `rtu+tcp://host:502`, `serial:///dev/ttyUSB0`. */
  endpoint: string;
  /** Its Modbus unit id, 0 to 255. */
  unitId: number;
  /** Whether it is polled. */
  enabled: boolean;
  /** Most registers in one request, 1 to 125. */
  maxWords: number;
  /** Most coils or discrete inputs in one request, 1 to 2000. */
  maxBits: number;
  /** Unwanted registers that may be read along to join two requests into one. */
  maxGap: number;
  /** How long its readings are kept, in days. */
  retentionDays: number;
  /** Name of the profile that it follows; null when all its points are its own. */
  profile: string | null;
  /** Key of the point that stands for it in lists; null, or one that it has not: the one with the most important limit, else the first number with a unit that is no counter's. */
  trendPoint: string | null;
  /** Grows with each change; updateDevice asks for it. */
  version: number;
  /** When it was added. */
  createdAt: string;
  /** When it was last changed. */
  updatedAt: string;
  /** When it was deleted, if its history was kept. */
  deletedAt: string | null;
  /** How it is doing. */
  status: DeviceStatus;
  /** Its points, by table and address. */
  points: Point[];
  /** The groups that it is in, by name. */
  groups: Group[];
  /** Its alarms that are not normal, or hidden; the worst first. */
  alarms: Alarm[];
  /** How many alarms it has now, and the worst of them. */
  alarmSummary: AlarmSummary;
}

/** How a device did in a time. */
export interface DeviceAvailability {
  /** The device. */
  device: Device;
  /** The share of the time in which it answered, 0 to 1; what is not known and what it was disabled does not count. Null when nothing is known. */
  availability: number | null;
  /** For how many seconds it answered. */
  onlineSeconds: number;
  /** For how many seconds it answered, with errors; they count as answered. */
  errorSeconds: number;
  /** For how many seconds it did not answer. */
  offlineSeconds: number;
  /** For how many seconds it was not to be read. */
  disabledSeconds: number;
  /** How often it went offline; one that lasted already at the beginning counts. */
  outages: number;
  /** How long the longest outage lasted within the time. */
  longestOutageSeconds: number;
}

/** What shall be different; what is left out stays. */
export interface DeviceChanges {
  /** 1 to 120 characters, unique. */
  name?: string | null;
  /** Where it is: `tcp://host:502`, … */
  endpoint?: string | null;
  /** Its Modbus unit id, 0 to 255. */
  unitId?: number | null;
  /** What a person should know of it. */
  description?: string | null;
  /** Whether it is polled. */
  enabled?: boolean | null;
  /** Most registers in one request, 1 to 125. */
  maxWords?: number | null;
  /** Most coils or discrete inputs in one request, 1 to 2000. */
  maxBits?: number | null;
  /** Unwanted registers that may be read along to join two requests into one, 0 to 124. */
  maxGap?: number | null;
  /** How long its readings are kept, in days. */
  retentionDays?: number | null;
  /** Name of the profile that it follows from now on: points of it that the device has not are added, of the same key the device's counts; applyProfile puts all back to the profile's. Null: it follows none, and keeps its points. */
  profile?: string | null;
  /** Key of the point that stands for the device in lists; null: the one with the most important limit, else the first number with a unit that is no counter's. */
  trendPoint?: string | null;
  /** Names of the groups that it shall be in; one that is not there yet is made. */
  groups?: string[] | null;
  /** All its points from now on. Points are the same when their keys are; one that is missing here is removed with its readings, which needs `removePoints: true`. */
  points?: PointInput[] | null;
}

/** A page of a list. */
export interface DeviceConnection {
  /** What stands on this page, with cursors. */
  edges: DeviceEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Device[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface DeviceEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Device;
}

/** A device, as it shall be. */
export interface DeviceInput {
  /** 1 to 120 characters, unique; upper and lower case are the same. */
  name?: string;
  /** `tcp://host:502`, `rtu+tcp://host:502` or `serial:///dev/ttyUSB0`. */
  endpoint?: string;
  /** Its Modbus unit id, 0 to 255. */
  unitId?: number;
  /** What a person should know of it, at most 2,000 characters. */
  description?: string;
  /** Whether it is polled. */
  enabled?: boolean;
  /** Most registers in one request, 1 to 125. */
  maxWords?: number;
  /** Most coils or discrete inputs in one request, 1 to 2000. */
  maxBits?: number;
  /** Unwanted registers that may be read along to join two requests into one, 0 to 124. */
  maxGap?: number;
  /** How long its readings are kept, 1 to 3650 days; left out, a new device gets what the configuration says. */
  retentionDays?: number | null;
  /** Name of the profile that it follows: the points of the profile come to those that are given here; of the same key the one given here counts. */
  profile?: string | null;
  /** Key of the point that stands for the device in lists, with its value and its trend; left out, it is the one with the most important limit, else the first number with a unit that is no counter's. */
  trendPoint?: string | null;
  /** Names of the groups that it shall be in; one that is not there yet is made. Left out, it stays in those it is in. */
  groups?: string[] | null;
  /** What is measured there. */
  points?: PointInput[];
}

/** By what devices are listed. */
export type DeviceOrder = "NAME" | "STATE" | "LAST_SEEN" | "CREATED";

/** The answer of createDevice and updateDevice. */
export interface DevicePayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The device, as it is now; null when there were errors. */
  device: Device | null;
  /** What was done and yet may be a mistake: another device with this unit id, a manual's number as an address, a sentinel that was taken as a bit pattern. */
  notices: string[];
}

/** How a device is doing. */
export type DeviceState = "UNKNOWN" | "ONLINE" | "ERROR" | "OFFLINE" | "DISABLED";

/** States of the chosen devices: first all of them, then those that changed. */
export interface DeviceStatesEvent {
  /** Whether these are all, or those that changed. */
  kind: EventKind;
  /** Why all were sent; null for changes. */
  reason: SnapshotReason | null;
  /** How each device is doing. */
  devices: DeviceStatus[];
}

/** What the collector sees of a device. */
export interface DeviceStatus {
  /** The device. */
  deviceId: string;
  /** The device's name. */
  name: string;
  /** How it is doing. */
  state: DeviceState;
  /** Since when it is in this state. */
  since: string | null;
  /** When it last answered. */
  lastSeen: string | null;
  /** Failed attempts in a row. */
  failures: number;
  /** The first of the failed attempts in a row; null while it answers. */
  firstFailure: string | null;
  /** What the last failed attempt said. */
  lastError: string | null;
}

/** The answer of endSession. */
export interface EndSessionPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The session that ended; null when there were errors. */
  id: string | null;
}

/** The answer of endSessions. */
export interface EndSessionsPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** How many sessions ended; null when there were errors. */
  ended: number | null;
}

/** The history of deleted points, which is erased in the background. */
export interface Erasure {
  /** Opaque, `era_12`. */
  id: string;
  /** What was deleted: `Pump 3`, or `Pump 3: flow, pressure`. */
  subject: string;
  /** The id that the device had; null when it has other points still. */
  deviceId: string | null;
  /** How far it is. */
  state: ErasureState;
  /** 0 to 1. */
  progress: number;
  /** Rows erased so far, with those of rollups. */
  rows: number;
  /** Why the last attempt did not come to its end; it is tried again. */
  error: string | null;
  /** Who deleted it. */
  requestedBy: string;
  /** When it was deleted. */
  requestedAt: string;
  /** When the last row was gone. */
  finishedAt: string | null;
}

/** How far an erasure is. */
export type ErasureState = "PENDING" | "RUNNING" | "DONE";

/** What kind of mistake it was. Stable: programs may act on it. `extensions.code` of GraphQL's errors has the same words, and `INTERNAL` for our own mistakes. */
export type ErrorCode = "INVALID" | "NOT_FOUND" | "ALREADY_EXISTS" | "CONFLICT" | "UNAUTHENTICATED" | "FORBIDDEN" | "RATE_LIMITED" | "BUSY" | "TIMEOUT" | "UNAVAILABLE" | "SETTINGS" | "SCHEMA_VERSION";

/** What an event of a subscription holds. */
export type EventKind = "SNAPSHOT" | "CHANGES" | "RESUMED" | "LATE";

/** What one device loses. */
export interface ExpiringDevice {
  /** The device. */
  deviceId: string;
  /** Its name. */
  name: string;
  /** When it was deleted, if its history was kept. */
  deletedAt: string | null;
  /** How long its readings are kept, in days. */
  retentionDays: number;
  /** How many rows go, in all tables. */
  rows: number;
  /** What they take, in bytes, about. */
  bytes: number;
  /** Until when all of it can be exported, by `/export` or `ddms export`. */
  exportUntil: string;
  /** The same, table by table. */
  tables: ExpiringHistory[];
}

/** What one device loses in one table. */
export interface ExpiringHistory {
  /** `readings`, `texts`, or `rollup_1m`, `rollup_1h`, `rollup_1d`. */
  table: string;
  /** How long it is kept, in days. */
  days: number;
  /** Where it begins; null: with the oldest there is. */
  since: string | null;
  /** What is older goes; whole days of UTC (of rollups, whole chunks). */
  before: string;
  /** How many rows: exact for readings, the most there can be for rollups. */
  rows: number;
  /** What they take, in bytes, about: rows times what a row of the table takes. */
  bytes: number;
  /** When it goes; until then it can be exported. */
  erasedAt: string;
}

/** How far a request to the field is. */
export type FieldRequestState = "PENDING" | "RUNNING" | "DONE" | "FAILED" | "CANCELLED";

/** How devices are written down. */
export type FileFormat = "CSV" | "YAML";

/** Why readings are not in the stream; `series` has them. */
export type GapReason = "TOO_OLD" | "TOO_MANY" | "STORED_LATE";

/** Devices that people look at together: a hall, a line, all pumps. `devices(group: …)` lists them. */
export interface Group {
  /** Opaque and stable, `grp_3`. */
  id: string;
  /** Unique; upper and lower case are the same. */
  name: string;
  /** What a person should know of it. */
  description: string;
  /** How many devices are in it. */
  deviceCount: number;
  /** Grows with each change; updateGroup may ask for it. */
  version: number;
  /** When it was made. */
  createdAt: string;
  /** When it was last changed. */
  updatedAt: string;
  /** How many alarms its devices and their connections have now, and the worst of them. */
  alarmSummary: AlarmSummary;
}

/** What shall be different; what is left out stays. */
export interface GroupChanges {
  /** 1 to 120 characters, unique. */
  name?: string | null;
  /** What a person should know of it. */
  description?: string | null;
  /** All its devices from now on, at most 5,000; instead of the next two. */
  devices?: string[] | null;
  /** Devices that come to it; one that is in it already stays. */
  addDevices?: string[] | null;
  /** Devices that leave it; one that is not in it is no mistake. */
  removeDevices?: string[] | null;
}

/** A page of a list. */
export interface GroupConnection {
  /** What stands on this page, with cursors. */
  edges: GroupEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Group[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface GroupEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Group;
}

/** A group, as it shall be. */
export interface GroupInput {
  /** 1 to 120 characters, unique; upper and lower case are the same. */
  name?: string;
  /** What a person should know of it, at most 2,000 characters. */
  description?: string;
  /** The devices in it, at most 5,000. */
  devices?: string[];
}

/** The answer of createGroup and updateGroup. */
export interface GroupPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The group, as it is now; null when there were errors. */
  group: Group | null;
}

/** One thing that an import changes. */
export interface ImportChange {
  /** The device's name; of a setting of a connection, the connection's endpoint. */
  device: string;
  /** The point's key; null when it is the device itself. */
  point: string | null;
  /** The limit's key; null when it is none of the point's limits. */
  limit: string | null;
  /** What is different; null when all of it is added or removed. */
  field: string | null;
  /** What it was; null when it is added. */
  before: string | null;
  /** What it will be; null when it is removed. */
  after: string | null;
  /** Why it may be a mistake, or how it is taken; null when there is nothing to say. */
  notice: string | null;
  /** The endpoint, when it is a setting of its connection; else null. */
  connection: string | null;
}

/** The answer of importDevices. */
export interface ImportDevicesPayload {
  /** All that was wrong, each with line and column, the first 50 one by one, the others by their kind; then nothing was imported. */
  errors: UserError[];
  /** What is different, or would be; null when there were errors. */
  changes: ImportChange[];
  /** Whether it was done; false for a dry run. */
  applied: boolean;
}

/** The answer of runJob, pauseJob and resumeJob. */
export interface JobPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The job as it is then; null when there were errors. */
  job: ScheduledJob | null;
}

/** A run of a scheduled job. */
export interface JobRun {
  /** When it began. */
  startedAt: string;
  /** When it ended. */
  finishedAt: string;
  /** Why it failed; null when it was done. */
  error: string | null;
  /** What it did, as JSON: each job has its own fields; null when that is nothing. */
  details: string | null;
}

/** What a scheduled job does just now. */
export type JobState = "WAITING" | "RUNNING" | "FAILED" | "PAUSED";

/** Scheduled jobs: first all of them, then those that began, ended, are further, were paused or are due at another time. */
export interface JobsEvent {
  /** Whether these are all, or those that changed. */
  kind: EventKind;
  /** Why all were sent; null for changes. */
  reason: SnapshotReason | null;
  /** How each job is. */
  jobs: LiveJob[];
}

/** A language in which the system speaks. */
export type Language = "EN" | "ZH";

/** The newest reading of each chosen point. */
export interface Latest {
  /** How many points were read at least once. */
  count: number;
  /** The readings as columns. */
  columns: LatestColumns;
}

/** The newest readings as columns of one length, by device and point; a point never read is left out. */
export interface LatestColumns {
  /** The point of each reading. */
  pointId: string[];
  /** The device of each point. */
  deviceId: string[];
  /** The key of each point. */
  key: (string | null)[];
  /** When each was read. */
  time: number[];
  /** How long ago each was read, in seconds. */
  age: (number | null)[];
  /** The value of each; null when it is bad or a text. */
  value: (number | null)[];
  /** The quality code of each. */
  quality: number[];
  /** The text of each, of an integer beyond 2^53 all of its digits; null when its point has another number. */
  text: (string | null)[];
  /** What the value of each is called: `Fault`; null without a name. */
  valueName: (string | null)[];
}

/** What shall be different; what is left out stays. A limit of another kind is another limit: see setLimits. */
export interface LimitChanges {
  /** In the unit of the point: the level; of DEVIATION the distance, of RATE the change within `periodSeconds`. */
  threshold?: number | null;
  /** Of DEVIATION and RATE: to which side it counts. */
  direction?: LimitDirection | null;
  /** Of DEVIATION: key of the point of the same device to compare with. */
  referenceKey?: string | null;
  /** Of RATE: over how many seconds the change is taken. */
  periodSeconds?: number | null;
  /** Of BIT: its number in the integer that was read, 0 the lowest. */
  bit?: number | null;
  /** Of VALUE: the values that are an alarm. */
  alarmValues?: number[] | null;
  /** Of BIT: alarm when it is 0; of VALUE: when it is none of them. */
  inverted?: boolean | null;
  /** How far behind the threshold the value must be before the alarm clears, in its unit. */
  hysteresis?: number | null;
  /** How long it must be violated, by the times of the readings, before the alarm is raised. */
  onDelaySeconds?: number | null;
  /** How long it must be normal, by the times of the readings, before the alarm clears. */
  offDelaySeconds?: number | null;
  /** How much the alarm matters. */
  priority?: AlarmPriority | null;
  /** Whether it is watched. */
  enabled?: boolean | null;
  /** Whether the alarm stays after the value is normal again, until somebody acknowledges it then. */
  latched?: boolean | null;
  /** For the operator: what is probably the matter. */
  cause?: string | null;
  /** For the operator: what happens when nobody does anything. */
  consequence?: string | null;
  /** For the operator: what to do. */
  action?: string | null;
  /** For the operator: within how many seconds; null takes it away. */
  respondWithinSeconds?: number | null;
}

/** To which side a deviation or a change counts. */
export type LimitDirection = "EITHER" | "ABOVE" | "BELOW";

/** A limit of a point, as it shall be. */
export interface LimitInput {
  /** Its name within the point; left out, that of its kind: `high`, `rate`, `bit_3`. A level has no other. */
  key?: string;
  /** What is compared. */
  kind?: LimitKind;
  /** In the unit of the point: the level; of DEVIATION the distance, of RATE the change within `periodSeconds`; not for BIT and VALUE. */
  threshold?: number | null;
  /** Of DEVIATION and RATE: to which side it counts. */
  direction?: LimitDirection;
  /** Of DEVIATION: key of the point of the same device to compare with. */
  referenceKey?: string | null;
  /** Of RATE: over how many seconds the change is taken, 1 to 86400. */
  periodSeconds?: number;
  /** Of BIT: its number in the integer that was read, 0 the lowest. */
  bit?: number | null;
  /** Of VALUE: the values that are an alarm, at most 32. */
  alarmValues?: number[];
  /** Of BIT: alarm when it is 0; of VALUE: when it is none of them. */
  inverted?: boolean;
  /** How far behind the threshold the value must be before the alarm clears, in its unit. */
  hysteresis?: number;
  /** How long it must be violated, by the times of the readings, before the alarm is raised; 0 to 86400. */
  onDelaySeconds?: number;
  /** How long it must be normal, by the times of the readings, before the alarm clears; 0 to 86400. */
  offDelaySeconds?: number;
  /** How much the alarm matters. */
  priority?: AlarmPriority;
  /** Whether it is watched. */
  enabled?: boolean;
  /** Whether the alarm stays after the value is normal again, until somebody acknowledges it then. */
  latched?: boolean;
  /** For the operator: what is probably the matter, at most 2,000 characters. */
  cause?: string;
  /** For the operator: what happens when nobody does anything, at most 2,000 characters. */
  consequence?: string;
  /** For the operator: what to do, at most 2,000 characters. */
  action?: string;
  /** For the operator: within how many seconds, 1 to 604800. */
  respondWithinSeconds?: number | null;
}

/** What of a point is compared, and with what. */
export type LimitKind = "LOW_LOW" | "LOW" | "HIGH" | "HIGH_HIGH" | "DEVIATION" | "RATE" | "BIT" | "VALUE";

/** What one limit would have done. */
export interface LimitPreview {
  /** The limit's key. */
  key: string;
  /** The limit's kind. */
  kind: LimitKind;
  /** What was compared, oldest first. Only levels are compared with rollups: of other kinds the preview begins where the readings are still there. */
  parts: PreviewPart[];
  /** Beginning of what was compared. */
  from: string;
  /** End of what was compared. */
  to: string;
  /** How often it would have been raised. */
  count: number;
  /** How long it would have been there in all. */
  seconds: number;
  /** How long the longest time. */
  longestSeconds: number;
  /** For which share of the period it would have been there, 0 to 1. */
  share: number;
  /** How often it would have cleared within `fleetingSeconds`. */
  fleeting: number;
  /** How often it would have been raised for the third time within a minute. */
  chattering: number;
  /** Whether it would still be there at the end. */
  stands: boolean;
  /** The newest times at which it would have been there, newest first. */
  occurrences: PreviewOccurrence[];
}

/** The answer of setLimits and updateLimits. */
export interface LimitsPayload {
  /** What was wrong; then nothing was changed. */
  errors: UserError[];
  /** The limits that were meant, as they are now. */
  limits: AlarmLimit[];
}

/** An alarm as it is pushed: all that `Alarm` has, but for what would have to be looked up. */
export interface LiveAlarm {
  /** Opaque and stable, `alm_7`. */
  id: string;
  /** What it watches. */
  source: AlarmSource;
  /** The kind of the limit, `high_high`; `offline` of devices and connections; of the system what it is about. */
  kind: string;
  /** How much it matters. */
  priority: AlarmPriority;
  /** Its state by ISA-18.2. */
  state: AlarmState;
  /** Whether the condition is there, delays included. */
  active: boolean;
  /** Whether somebody took note of it; true when there is nothing to acknowledge. */
  acknowledged: boolean;
  /** Whether it stays until it is acknowledged after the condition is gone. */
  latched: boolean;
  /** Whether the newest reading is bad or missing, so that nobody knows how it is now. */
  uncertain: boolean;
  /** Whether somebody is called: active, not acknowledged, not shelved, suppressed or out of service. */
  calls: boolean;
  /** When it was raised last, by the time of the reading. */
  activeSince: string | null;
  /** When it cleared last; null while it is active. */
  clearedAt: string | null;
  /** When its state last changed. */
  changedAt: string;
  /** The value with which it was raised or cleared, in the point's unit; of a deviation the distance, of a rate the change. */
  value: number | null;
  /** How far that value could be trusted. */
  quality: Quality | null;
  /** The limit that was in force then. */
  threshold: number | null;
  /** The newest reading of its point; of the system what was measured last, while it is active. */
  valueNow: Reading | null;
  /** What is wrong, in a sentence. */
  detail: string;
  /** What is probably the matter; empty when nobody wrote it. */
  cause: string;
  /** What happens when nobody does anything. */
  consequence: string;
  /** What to do. */
  action: string;
  /** Within how long, in seconds. */
  respondWithinSeconds: number | null;
  /** When somebody took note of the newest occurrence. */
  acknowledgedAt: string | null;
  /** Who that was. */
  acknowledgedBy: string | null;
  /** The newest note of a person. */
  note: string | null;
  /** That it is shelved; null when it is not. */
  shelf: AlarmShelf | null;
  /** That it is out of service; null when it is in service. */
  outOfService: AlarmOutOfService | null;
  /** The device; null of a connection and of the system. */
  deviceId: string | null;
  /** The device's name, also after it was deleted. */
  deviceName: string | null;
  /** The point; only of a limit's alarm. */
  pointId: string | null;
  /** The point's name, also after it was deleted. */
  pointName: string | null;
  /** The limit, `lim_4`; only of a limit's alarm. */
  limitId: string | null;
  /** The limit's key within its point. */
  limitKey: string | null;
  /** The endpoint that it is about, or behind which its device is. */
  endpoint: string | null;
  /** Of the system: whose alarm it is of this kind, such as a collector's name. */
  subject: string | null;
  /** When its limit, device or connection was removed; then it stands in the journal only. */
  removedAt: string | null;
}

/** A backup as it is pushed: all that `Backup` has, but for its contents. */
export interface LiveBackup {
  /** Opaque. */
  id: string;
  /** The name of its files, without their ends. */
  name: string;
  /** How far it is. */
  state: BackupState;
  /** Why there is one. */
  reason: BackupReason;
  /** When it was asked for; of one that was found, when it was made. */
  askedAt: string;
  /** Who asked; null: it was time. */
  askedBy: string | null;
  /** Whether history is in it as rows, for any edition of the storage. */
  portable: boolean;
  /** Whether only the secret keys of age that belong to its recipients open it. */
  encrypted: boolean;
  /** How often it was tried. */
  attempt: number;
  /** From when on it is made; after a failure, an hour later. */
  dueAt: string;
  /** When it was last begun. */
  startedAt: string | null;
  /** When it ended. */
  finishedAt: string | null;
  /** How much is done of what runs, the backup or its verification, 0 to 1; null when nobody knows. */
  progress: number | null;
  /** What is done just now, or what it waits for. */
  doing: string | null;
  /** Why it was not made. */
  error: string | null;
  /** The size of its file. */
  bytes: number | null;
  /** The size of the database when it was made. */
  databaseBytes: number | null;
  /** SHA-256 of its file, in hexadecimal digits. */
  checksum: string | null;
  /** Whether a person said that it is kept, however many follow. */
  kept: boolean;
  /** When its files were removed: newer ones followed, or a person said so. */
  removedAt: string | null;
  /** When it was copied to the second place. */
  copiedAt: string | null;
  /** Why it could not be copied; it is tried again. */
  copyError: string | null;
  /** When it was last restored and all was right; null: never yet. */
  lastVerified: string | null;
  /** Its newest verification; null: never asked for. */
  verification: BackupVerification | null;
}

/** Readings as columns of one length. */
export interface LiveColumns {
  /** The point of each reading. */
  pointId: string[];
  /** When each was read. */
  time: number[];
  /** The value of each; null when it is bad or a text. */
  value: (number | null)[];
  /** The quality code of each. */
  quality: number[];
  /** The text of each; null when its point has a number. */
  text: (string | null)[];
  /** What the value of each is called: `Fault`; null without a name. */
  valueName: (string | null)[];
}

/** A scheduled job as it is pushed: all that `ScheduledJob` has, but for its runs. */
export interface LiveJob {
  /** Its name, `rollups`. */
  name: string;
  /** When it runs: `every 20 s`, five fields of cron and the time zone, `0 2 * * * Europe/Berlin`, or `never`; null before the first program took it over. */
  schedule: string | null;
  /** What it does just now. */
  state: JobState;
  /** When it runs next; null while it is paused, and of what never runs by itself. */
  nextRun: string | null;
  /** How much of the run that goes on is done, 0 to 1; null when nobody knows. */
  progress: number | null;
  /** What the run that goes on does just now; null when it does not say. */
  doing: string | null;
  /** When the run that goes on began, or the last one; null before the first. */
  startedAt: string | null;
  /** When its last run ended. */
  finishedAt: string | null;
  /** Why its last run failed; null when it was done. */
  error: string | null;
  /** When a run was last done without an error. */
  lastSuccess: string | null;
  /** Since when it is paused; null: it is not. */
  pausedAt: string | null;
  /** Who paused it. */
  pausedBy: string | null;
  /** Whether it may be paused; what keeps the site safe may not. */
  mayPause: boolean;
}

/** One reading, as it arrived. */
export interface LiveReading {
  /** The point. */
  pointId: string;
  /** The point's device. */
  deviceId: string;
  /** The device's name. */
  device: string;
  /** The point's key, unique in its device. */
  key: string;
  /** Unit of the value, `°C`. */
  unit: string;
  /** When it was read. */
  time: string;
  /** The value in the point's unit; null when it is bad or a text. */
  value: number | null;
  /** The text of a string point; null where the point has a number. */
  text: string | null;
  /** How far it can be trusted. */
  quality: Quality;
  /** Why it is not better. */
  reason: Reason;
  /** What the value is called: `Fault`; null without a name. */
  valueName: string | null;
}

/** A reading that somebody writes. */
export interface ManualReading {
  /** The point. */
  point?: string;
  /** When it was so: from 1970, within what retention keeps, not in the future. */
  time?: string;
  /** The value in the point's unit; not of a text. */
  value?: number | null;
  /** Of a string point: its text, at most 2,000 characters. */
  text?: string | null;
  /** The point's unit, to be sure: another one is refused. */
  unit?: string | null;
}

/** The caller: who bears the token in use, and what it may do. */
export interface Me {
  /** The person, `usr_2`; null for a program's token. */
  id: string | null;
  /** The person's name; of a program's token the token's. */
  name: string;
  /** What the caller may do. */
  role: Role;
  /** The person's language; null: as the browser asks. */
  language: Language | null;
  /** Whether changePassword must come first: until then nothing else is answered but `me` and signOut. */
  mustChangePassword: boolean;
  /** The groups to whose devices the rights reach; null when they reach to everything. */
  groups: Group[] | null;
}

/** The answer of changePassword and updateMe. */
export interface MePayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** You, as now; null when there were errors. */
  me: Me | null;
}

/** What is taken of each point in each bucket, as in `series`. */
export type Measure = "AVERAGE" | "TIME_WEIGHTED_AVERAGE" | "MIN" | "MAX" | "FIRST" | "LAST" | "COUNT" | "INCREASE" | "RATE" | "STANDARD_DEVIATION" | "STATE_SECONDS" | "STARTS";

/** One endpoint and how it is reached. All units behind it share it; it is made when a device first names it. */
export interface ModbusConnection {
  /** Opaque and stable, `con_3`. */
  id: string;
  /** `tcp://host:502`, `rtu+tcp://host:502` or `serial:///dev/ttyUSB0`. */
  endpoint: string;
  /** Bits a second, of a serial line. */
  baudRate: number;
  /** The check bit, of a serial line. */
  parity: Parity;
  /** 1 or 2, of a serial line. */
  stopBits: number;
  /** How long an answer, or the connection itself, is waited for, in milliseconds. */
  timeoutMs: number;
  /** Pause after connecting, before the first request, in milliseconds. */
  connectPauseMs: number;
  /** Pause before each request, in milliseconds. */
  requestPauseMs: number;
  /** Requests that may wait for their answers at the same time, of Modbus TCP. */
  maxInFlight: number;
  /** Whether it is closed after each cycle, for devices that serve several masters. */
  closeAfterCycle: boolean;
  /** Grows with each change; updateConnection asks for it. */
  version: number;
  /** The collector that polls it now; null when none does. */
  collector: string | null;
  /** The devices behind it, by name. */
  devices: Device[];
  /** What the polls of its devices cost together; null while nothing is polled. */
  load: PlannedLoad | null;
}

/** A month of the year. */
export type Month = "JANUARY" | "FEBRUARY" | "MARCH" | "APRIL" | "MAY" | "JUNE" | "JULY" | "AUGUST" | "SEPTEMBER" | "OCTOBER" | "NOVEMBER" | "DECEMBER";

/** What can be changed. Each answers with `errors`: empty when it was done. */
export interface Mutation {
  /** Take note of alarms: somebody looks after them. A latched alarm whose condition is gone is released. One that somebody else has acknowledged, or that is over, stays as it is. */
  acknowledgeAlarms: AlarmsPayload;
  /** Write a note to alarms, whatever their state. */
  noteAlarms: AlarmsPayload;
  /** Put alarms on the shelf: they call nobody until then, at most for `shelfHours` of the configuration, and come back by themselves. One that somebody else has shelved stays as it is; of your own the new end counts. */
  shelveAlarms: AlarmsPayload;
  /** Take alarms from the shelf, whoever put them there. What is still active is unacknowledged again. */
  unshelveAlarms: AlarmsPayload;
  /** Put alarms out of service while devices are in maintenance, at most for a year; they call nobody, and come back by themselves. Limits that a device gets later are in service. */
  setOutOfService: AlarmsPayload;
  /** Return alarms to service before their time. What is still active is unacknowledged again. */
  returnToService: AlarmsPayload;
  /** Write down what there is to know of a time: it is shown on trends and stands in exports. */
  createAnnotation: AnnotationPayload;
  /** Change an annotation; what is not named stays, and so does what it is of. */
  updateAnnotation: AnnotationPayload;
  /** Delete an annotation. The audit keeps what it said. */
  deleteAnnotation: DeleteAnnotationPayload;
  /** Ask for a backup of the whole database; it is made next, and `backup` tells how far it is. One that was asked for and is not made yet is returned. */
  createBackup: BackupPayload;
  /** End a backup that waits or is being made, or its verification; nothing is left of it. */
  cancelBackup: BackupPayload;
  /** Ask for a backup to be restored into a scratch database and compared with its manifest. */
  verifyBackup: BackupPayload;
  /** Keep a backup however many follow. */
  keepBackup: BackupPayload;
  /** Remove the files of a backup, here and at the second place; that it was there stays in the list of those that were removed. */
  deleteBackup: BackupPayload;
  /** Ask for a backup to be restored into a new database, beside the one in use; `restore` tells how far it is and how to switch over. Asked for again after it failed, it goes on. */
  restoreBackup: RestorePayload;
  /** End a restore that waits or goes on; the new database is dropped. */
  cancelRestore: RestorePayload;
  /** Change the configuration; it is in force within seconds, without a restart. */
  updateConfiguration: ConfigurationPayload;
  /** Take the values of an earlier version again, as a new one; fields that came later stay as they are. */
  revertConfiguration: ConfigurationPayload;
  /** Take a configuration from a file; fields that it leaves out stay. All its mistakes are told, with line and column. */
  importConfiguration: ConfigurationPayload;
  /** Change how an endpoint is reached; what is not named stays. It acts within 5 seconds, on this connection only. */
  updateConnection: ConnectionPayload;
  /** Add a device with its points; a collector polls it within 5 seconds. */
  createDevice: DevicePayload;
  /** Change a device; what is not named stays. It acts within 5 seconds. */
  updateDevice: DevicePayload;
  /** Delete a device; it is gone from lists and polling at once. With keepHistory its readings can still be read by the ids of its points; without, they are erased in the background. A device that was deleted with its history kept can be deleted again without. */
  deleteDevice: DeleteDevicePayload;
  /** Read a device once, through a collector: shows raw words and decoded values, saves nothing. */
  testConnection: TestConnectionPayload;
  /** Decode registers in every type and byte order, the most plausible first; saves nothing. */
  probe: ProbePayload;
  /** Start to look for units and their registers; it can take minutes, see the query `scan`. */
  scan: ScanPayload;
  /** End a scan; what it found stays. One that has ended already is left as it is. */
  cancelScan: ScanPayload;
  /** Make a group of devices. */
  createGroup: GroupPayload;
  /** Rename a group, describe it, choose its devices; what is not named stays. */
  updateGroup: GroupPayload;
  /** Delete a group. Its devices stay. */
  deleteGroup: DeleteGroupPayload;
  /** Add and change devices from a file, all or nothing. A dry run, the default, shows the difference first: it does what the import does, and takes it back. */
  importDevices: ImportDevicesPayload;
  /** Run a job at once, also when it is paused; what runs already runs once more after that. */
  runJob: JobPayload;
  /** Let a job's due times go by until it is resumed; a run that goes on is not stopped. */
  pauseJob: JobPayload;
  /** Let a paused job run again at its next due time; what it missed is not made up for. */
  resumeJob: JobPayload;
  /** Give points limits, all or none: the same to many points, or to each its own. It can be repeated: a limit of the same key is changed. Collectors follow within 5 seconds; alarms that are active are compared anew. */
  setLimits: LimitsPayload;
  /** Change the same of one limit or of many, all or none: a threshold, the priority, whether they are watched. What is changed on a device stays when its profile changes; disabled, a limit of the profile is switched off for this device. */
  updateLimits: LimitsPayload;
  /** Delete limits. Their alarms end; what the journal has of them stays. One of a profile comes back with applyProfile only. */
  deleteLimits: DeleteLimitsPayload;
  /** Add points to a device, all or none; its other points stay as they are. They are read within 5 seconds. */
  createPoints: PointsPayload;
  /** Change a point; what is not named stays, its readings too. It acts within 5 seconds. */
  updatePoint: PointPayload;
  /** Delete points with all their readings, for ever; to only stop reading one, updatePoint with enabled: false. */
  deletePoints: DeletePointsPayload;
  /** Add a profile; applyProfile then lets devices follow it. */
  createProfile: ProfilePayload;
  /** Change a profile and all devices that follow it; fields that were changed on a device stay as they are there. */
  updateProfile: ChangeProfilePayload;
  /** Let devices follow a profile, with every field as it says; points of other keys stay the device's own. */
  applyProfile: ChangeProfilePayload;
  /** Delete a profile. The devices that followed it keep its points as their own. */
  deleteProfile: DeleteProfilePayload;
  /** Write readings by hand: all of them or none. They have the quality UNCERTAIN and the reason MANUAL; twice the same is no mistake. What a device told is never replaced, and no limit is judged by them. */
  writeReadings: WriteReadingsPayload;
  /** Limit a person's rights to the devices of some groups; it acts at once, also on what is watched live. */
  setUserGroups: SetUserGroupsPayload;
  /** Exchange name and password for a token; 5 failed attempts in 15 minutes lock the name for your address. */
  signIn: SignInPayload;
  /** Make the token in use invalid, at once. */
  signOut: SignOutPayload;
  /** Change your own password; your other sessions, and tokens of other sign-ins, end. */
  changePassword: MePayload;
  /** Change what you may change of your own account. */
  updateMe: MePayload;
  /** Sign out one browser or program of yours, at once; its open websockets are closed. */
  endSession: EndSessionPayload;
  /** Sign out everywhere: all browsers of yours, and all programs that hold a token of signIn. */
  endSessions: EndSessionsPayload;
  /** Forget a collector that does not run any more, so that nobody is called because it is silent. What it read stays. If it runs again, it is there again. */
  removeCollector: RemoveCollectorPayload;
  /** Read the points of a device once, through a collector, outside its turn; the device's dashboard shows how it went, nothing else is stored. */
  testDevice: TestConnectionPayload;
  /** Make an API token; its secret is in the answer, this once. */
  createToken: CreateTokenPayload;
  /** Make a token invalid at once; open websockets of its bearer are closed. */
  revokeToken: RevokeTokenPayload;
  /** Add a person; without a password one is made, which is in the answer this once and must be changed first. */
  createUser: UserPasswordPayload;
  /** Rename a person, give another role or language, disable or enable; what is not named stays. */
  updateUser: UserPayload;
  /** Delete a person, and end all sessions; what the person did stays in the audit log. */
  deleteUser: DeleteUserPayload;
  /** Give a person a one-time password, which must be changed first; all sessions of the person end. */
  resetPassword: UserPasswordPayload;
  /** Have a target told over HTTP what happens from now on. The secret that signs the messages is shown this once. */
  createWebhook: WebhookPayload;
  /** Change a webhook, or its secret; what is not named stays. A target that failed is tried at once. */
  updateWebhook: WebhookPayload;
  /** Delete a webhook with what waits for it. */
  deleteWebhook: DeleteWebhookPayload;
  /** Send a message of the type `webhook.test` at once, past the queue, and say how the target answered. */
  testWebhook: TestWebhookPayload;
  /** Try again, for another day, what was given up. It keeps its Webhook-Id, and comes before what happened later. */
  replayWebhookDeliveries: ReplayWebhookPayload;
}

/** By what a list is ordered. */
export type NameOrder = "NAME" | "CREATED";

/** Something that administrators should know. */
export interface Notice {
  /** What it is about. */
  kind: NoticeKind;
  /** The same as a sentence. */
  message: string;
  /** Since when it is known. */
  since: string;
  /** When it happens; null when it has happened. */
  until: string | null;
}

/** What a notice is about. */
export type NoticeKind = "RETENTION_DUE" | "RETENTION_FAILED" | "ERASURE_FAILED" | "SIGN_IN_LOCKED";

/** A run of failures of a device, or of all behind a connection together. */
export interface Outage {
  /** When it failed first. */
  firstFailure: string;
  /** When it failed last. */
  lastFailure: string;
  /** How many attempts failed. */
  failures: number;
  /** How long it lasts, or lasted until the alarm cleared. */
  seconds: number;
}

/** How the points of a term become one. */
export type Over = "SUM" | "MEAN" | "MIN" | "MAX";

/** Whether the intervals can be kept. */
export type Overrun = "NONE" | "AT_TIMES" | "ALWAYS";

/** Where a page lies in its list, as Relay wants it. */
export interface PageInfo {
  /** Whether more follow; pass endCursor as `after`. */
  hasNextPage: boolean;
  /** Whether there are some before; pass startCursor as `before`. */
  hasPreviousPage: boolean;
  /** Cursor of the first one; null when there are none. */
  startCursor: string | null;
  /** Cursor of the last one. */
  endCursor: string | null;
}

/** The check bit of a character on a serial line. */
export type Parity = "NONE" | "EVEN" | "ODD";

/** How a device is polled, and what its line has to do besides. */
export interface Plan {
  /** The device. */
  device: Device;
  /** Its requests; none when it has no enabled point. */
  requests: PlannedRequest[];
  /** What this device costs. */
  load: PlannedLoad;
  /** Units that share its connection, this one included. */
  lineUnits: number;
  /** What all units of its connection cost together: they share its time. */
  lineLoad: PlannedLoad;
  /** Mean answer time that a collector measured, in seconds; null before the first. */
  answerSeconds: number | null;
  /** Mean time by which its polls began late in the last minute, in seconds. */
  lateSeconds: number | null;
  /** Since when polls are skipped because the line is too slow; null while the intervals are kept. */
  overrunSince: string | null;
}

/** What requests cost together. */
export interface PlannedLoad {
  /** Requests in a cycle of all of them. */
  requests: number;
  /** Points that they bring. */
  points: number;
  /** Registers that a point uses. */
  wanted: number;
  /** Registers read along because they lie between wanted ones. */
  filled: number;
  /** Requests a second, on average. */
  requestsPerSecond: number;
  /** Expected time of a cycle in which all of them are due, in seconds. */
  cycleSeconds: number;
  /** The time for it, in seconds: the shortest interval; null without a request. */
  budgetSeconds: number | null;
  /** Share of the line's time that they take, 0.25 for a quarter; above 1 is too much. */
  busy: number;
  /** Whether the intervals can be kept. */
  overrun: Overrun;
  /** Whether all times were measured; false while some are assumed. */
  measured: boolean;
}

/** One request of the plan. */
export interface PlannedRequest {
  /** The table that is read. */
  registerTable: RegisterTable;
  /** First address, counted from 0. */
  address: number;
  /** How many registers, or bits. */
  count: number;
  /** Registers that a point uses. */
  wanted: number;
  /** Registers read along because they lie between wanted ones. */
  filled: number;
  /** Keys of the points that it brings. */
  points: string[];
  /** How often it is sent, in seconds. */
  intervalSeconds: number;
  /** How long it keeps the line busy, with the pause before it, in seconds. */
  expectedSeconds: number;
  /** Whether the time was measured; else it is assumed from others on the line, or 20 ms. */
  measured: boolean;
}

/** One measured value of a device: which register, how it is decoded, how often it is read. */
export interface Point {
  /** Opaque and stable, `pt_345`. */
  id: string;
  /** The device it belongs to. */
  deviceId: string;
  /** Its short name, unique in its device: `flow_rate`. */
  key: string;
  /** Its name for people, `Flow rate`. */
  name: string;
  /** Unit of the value, `°C`; empty when it has none. */
  unit: string;
  /** The table it is read from. */
  registerTable: RegisterTable;
  /** Protocol address, counted from 0: a manual's holding register 40001 is 0. */
  address: number;
  /** What its bits mean. */
  dataType: DataType;
  /** Which bit of the word, 0 (least significant) to 15, of BITS the lowest; null for other types than BIT and BITS. */
  bit: number | null;
  /** Words of a text, or how many bits BITS has; null for other types. */
  length: number | null;
  /** The order of its bytes. */
  byteOrder: ByteOrder;
  /** value = raw × scale + offset. */
  scale: number;
  /** value = raw × scale + offset. */
  offset: number;
  /** By what registers the value is multiplied besides, `10 ** w_sf`; empty: by none. */
  scaleBy: string;
  /** Of a calculated point: what is computed, over points of the same device by their keys and of others as `"Pump 1".flow`; empty for one that is read. */
  expression: string;
  /** Whether it counts up, as a meter does: `series` then has its increase and its rate. */
  counter: boolean;
  /** The value at which a counter begins at 0 again, in its unit; null: as its data type says, a float's never. */
  modulus: number | null;
  /** How often it is read, in seconds. */
  intervalSeconds: number;
  /** A change smaller than this, in its unit, is not stored before the heartbeat. */
  deadband: number;
  /** With a deadband it is stored at least this often, in seconds. */
  heartbeatSeconds: number;
  /** A value below this, in the point's unit, is bad; null: no limit. */
  validMin: number | null;
  /** A value above this, in the point's unit, is bad; null: no limit. */
  validMax: number | null;
  /** Raw values with which the device says that it has no value. */
  sentinels: number[];
  /** What its values are called, by value; one without a name is a number. */
  valueNames: ValueName[];
  /** Whether it is read. */
  enabled: boolean;
  /** The newest reading; null before the first one. */
  latest: Reading | null;
  /** The device it belongs to. */
  device: Device;
  /** What of its values is an alarm, levels from low-low to high-high first. */
  limits: AlarmLimit[];
}

/** What shall be different; what is left out stays. Null takes away bit, length, modulus, validMin and validMax. */
export interface PointChanges {
  /** Its short name, unique in its device: `flow_rate`. */
  key?: string | null;
  /** The table it is read from. */
  registerTable?: RegisterTable | null;
  /** Protocol address, counted from 0. */
  address?: number | null;
  /** What its bits mean. */
  dataType?: DataType | null;
  /** A name for people, `Flow rate`. */
  name?: string | null;
  /** Unit of the value, `m³/h`, at most 24 characters. */
  unit?: string | null;
  /** Which bit of the word, 0 to 15, of BITS the lowest; only for these. */
  bit?: number | null;
  /** Words of a text, 1 to 125, or bits of BITS, 2 to 16; only for these. */
  length?: number | null;
  /** The order of its bytes. */
  byteOrder?: ByteOrder | null;
  /** value = raw × scale + offset; not 0. */
  scale?: number | null;
  /** value = raw × scale + offset. */
  offset?: number | null;
  /** By what registers of the same device it is multiplied besides; empty: by none. */
  scaleBy?: string | null;
  /** What is computed of other points; a register that is given takes it away. */
  expression?: string | null;
  /** Whether it counts up, as a meter does. */
  counter?: boolean | null;
  /** The value, in its unit, at which a counter begins at 0 again; null: as its data type says. */
  modulus?: number | null;
  /** How often it is read, 1 to 3600 seconds. */
  intervalSeconds?: number | null;
  /** A change smaller than this, in its unit, is not stored before the heartbeat. */
  deadband?: number | null;
  /** With a deadband it is stored at least this often, 1 to 86400 seconds. */
  heartbeatSeconds?: number | null;
  /** A value below this, in the point's unit, is bad; null: no limit. */
  validMin?: number | null;
  /** A value above this, in the point's unit, is bad; null: no limit. */
  validMax?: number | null;
  /** Raw values that mean no value, at most 8. */
  sentinels?: number[] | null;
  /** All names of its values from now on; an empty list takes them away. */
  valueNames?: ValueNameInput[] | null;
  /** Whether it is read. */
  enabled?: boolean | null;
  /** All its limits from now on; setLimits, updateLimits and deleteLimits change one without naming the others. */
  limits?: LimitInput[] | null;
}

/** A page of a list. */
export interface PointConnection {
  /** What stands on this page, with cursors. */
  edges: PointEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Point[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface PointEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Point;
}

/** One measured value of a device, as it shall be. */
export interface PointInput {
  /** A short name, unique in the device: lower-case letters, digits and `_`, a letter first. */
  key?: string;
  /** The table it is read from; needed, unless it has an expression. */
  registerTable?: RegisterTable | null;
  /** Protocol address, counted from 0: a manual's holding register 40001 is 0; needed, unless it has an expression. */
  address?: number | null;
  /** What its bits mean; needed, unless it has an expression. */
  dataType?: DataType | null;
  /** A name for people; the key when left out. */
  name?: string;
  /** Unit of the value, `m³/h`, at most 24 characters. */
  unit?: string;
  /** Which bit of the word, 0 to 15, of BITS the lowest; only for these. */
  bit?: number | null;
  /** Words of a text, 1 to 125, or bits of BITS, 2 to 16; only for these. */
  length?: number | null;
  /** The order of its bytes. */
  byteOrder?: ByteOrder;
  /** value = raw × scale + offset; not 0. */
  scale?: number;
  /** value = raw × scale + offset. */
  offset?: number;
  /** By what registers of the same device the value is multiplied besides: `10 ** w_sf` where a power of ten is in the point `w_sf`, `1 / divisor`, `ct_ratio * pt_ratio`; an expression, at most 2,000 characters. */
  scaleBy?: string;
  /** Makes it a calculated point: `volts * amperes / 1000`, `if(running, power / flow, 0)`. It names points of the same device by their keys, and of others as `"Pump 1".flow`; at most 2,000 characters and 100 points. */
  expression?: string;
  /** Whether it counts up, as a meter does: `series` then has its increase and its rate. */
  counter?: boolean;
  /** Of a counter: the value, in its unit, at which it begins at 0 again, `1000000` of a meter with six digits. Left out, an integer begins again when its bits are full, a float never. */
  modulus?: number | null;
  /** How often it is read, 1 to 3600 seconds. */
  intervalSeconds?: number;
  /** A change smaller than this, in its unit, is not stored before the heartbeat; 0 stores all. */
  deadband?: number;
  /** With a deadband it is stored at least this often, 1 to 86400 seconds. */
  heartbeatSeconds?: number;
  /** A value below this, in the point's unit, is bad; null: no limit. */
  validMin?: number | null;
  /** A value above this, in the point's unit, is bad; null: no limit. */
  validMax?: number | null;
  /** Raw values with which the device says that it has no value; at most 8. */
  sentinels?: number[];
  /** What its values are called, as of a state: at most 256 whole numbers, each with its name. */
  valueNames?: ValueNameInput[];
  /** Whether it is read. */
  enabled?: boolean;
  /** All its limits, at most 100: what of its values is an alarm. Left out, a point keeps those that it has, and a new one gets those of its profile. */
  limits?: LimitInput[] | null;
}

/** Points, and limits that each of them gets. */
export interface PointLimitsInput {
  /** The points, `pt_345`. */
  ids?: string[];
  /** The limits; one of the same key is changed, others of the point stay. */
  limits?: LimitInput[];
}

/** By what points are listed. */
export type PointOrder = "CREATED" | "KEY" | "NAME";

/** The answer of updatePoint. */
export interface PointPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The point, as it is now; null when there were errors. */
  point: Point | null;
  /** What was done and yet may be a mistake, such as a sentinel taken as a bit pattern. */
  notices: string[];
}

/** The answer of createPoints. */
export interface PointsPayload {
  /** What was wrong; then nothing was added. */
  errors: UserError[];
  /** The points that were added. */
  points: Point[];
  /** What was done and yet may be a mistake, such as a sentinel taken as a bit pattern. */
  notices: string[];
}

/** One time at which the alarm would have been there. */
export interface PreviewOccurrence {
  /** The time of the reading with which it would have been raised. */
  from: string;
  /** The time of the reading with which it would have cleared; null when it still stands at the end. */
  to: string | null;
  /** How long it would have been there, up to the end of the period at most. */
  seconds: number;
  /** The value that was furthest beyond the threshold; of a deviation the distance, of a rate the change, of bits and values the one with which it would have been raised. */
  extreme: number | null;
}

/** A part of a preview's period, and what it is made of. */
export interface PreviewPart {
  /** Its beginning, inclusive. */
  from: string;
  /** Its end, exclusive. */
  to: string;
  /** RAW: the readings, compared one by one. Else the lowest and highest value of each bucket: what came and went within one counts once and as long as the bucket, and delays shorter than that are not seen. */
  source: SeriesSource;
}

/** One way to read registers. */
export interface ProbeCandidate {
  /** Where the value begins. */
  address: number;
  /** The same, from the address that was asked: -1, 0 or 1. */
  offset: number;
  /** The type. */
  dataType: DataType;
  /** The byte order. */
  byteOrder: ByteOrder;
  /** Registers of a text; null for a number. */
  length: number | null;
  /** The raw words, as the device sent them. */
  words: number[];
  /** The number that this would be; null for a text and for no number. */
  value: number | null;
  /** The text that this would be; null for a number. */
  text: string | null;
  /** What the value is to be multiplied with, to come near the expected one. */
  scale: number;
  /** Plausibility, 0 to 100. */
  score: number;
  /** What speaks for it and against it. */
  why: string[];
}

/** The answer of probe. */
export interface ProbePayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The most plausible first. */
  candidates: ProbeCandidate[];
  /** Addresses around it that the device refuses. */
  refused: number[];
}

/** A register map, written once and followed by many devices. */
export interface Profile {
  /** Opaque and stable, `prof_7`. */
  id: string;
  /** Unique; upper and lower case are the same. */
  name: string;
  /** Who makes such devices. */
  manufacturer: string;
  /** What a person should know of it. */
  description: string;
  /** Where the map was taken from: title, number and version of a manual. */
  source: string;
  /** Grows with each change; updateProfile asks for it. */
  version: number;
  /** When it was added. */
  createdAt: string;
  /** When it was last changed. */
  updatedAt: string;
  /** How many devices follow it. */
  deviceCount: number;
  /** Its points, by table and address. */
  points: ProfilePoint[];
}

/** One difference, of a device or of the profile itself. */
export interface ProfileChange {
  /** The device's name; null when it is the profile itself. */
  device: string | null;
  /** The point's key; null when it is none of the points. */
  point: string | null;
  /** The limit's key; null when it is none of the point's limits. */
  limit: string | null;
  /** What is different; null when all of it is added or removed. */
  field: string | null;
  /** What it was; null when it is added. */
  before: string | null;
  /** What it will be; null when it is removed. */
  after: string | null;
}

/** What shall be different; what is left out stays. */
export interface ProfileChanges {
  /** 1 to 120 characters, unique. */
  name?: string | null;
  /** Who makes such devices. */
  manufacturer?: string | null;
  /** What a person should know of it. */
  description?: string | null;
  /** Title, number and version of the manual. */
  source?: string | null;
  /** All its points from now on. One that is missing here is removed from all devices that follow it, with its readings, which needs `removePoints: true`. */
  points?: PointInput[] | null;
}

/** A page of a list. */
export interface ProfileConnection {
  /** What stands on this page, with cursors. */
  edges: ProfileEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Profile[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** What a change of a profile does to it and to the devices. */
export interface ProfileDifference {
  /** How many devices are different afterwards. */
  devices: number;
  /** How many points are added to devices. */
  added: number;
  /** How many fields of points of devices are changed. */
  changed: number;
  /** How many points are removed from devices, with their readings. */
  removed: number;
  /** How many limits of devices are added, changed or removed. */
  limits: number;
  /** The first 1,000 differences: those of the profile, then those of devices by name. */
  changes: ProfileChange[];
  /** How many differences there are; more than 1,000 are not all listed. */
  total: number;
}

/** One of a list, with its place. */
export interface ProfileEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Profile;
}

/** A profile, as it shall be. */
export interface ProfileInput {
  /** 1 to 120 characters, unique; upper and lower case are the same. */
  name?: string;
  /** Who makes such devices, at most 120 characters. */
  manufacturer?: string;
  /** What a person should know of it, at most 2,000 characters. */
  description?: string;
  /** Title, number and version of the manual, at most 2,000 characters. */
  source?: string;
  /** What such a device measures. */
  points?: PointInput[];
}

/** A limit of a point of a profile; each device that follows it has a copy. */
export interface ProfileLimit {
  /** Its name within the point: `high`, `fault_bit_3`. */
  key: string;
  /** What is compared. */
  kind: LimitKind;
  /** In the unit of the point: the level; of DEVIATION the distance, of RATE the change within `periodSeconds`; null for BIT and VALUE. */
  threshold: number | null;
  /** Of DEVIATION and RATE: to which side it counts. */
  direction: LimitDirection;
  /** Of DEVIATION: key of the point of the same device to compare with; null for the other kinds. */
  referenceKey: string | null;
  /** Of RATE: over how many seconds the change is taken. */
  periodSeconds: number;
  /** Of BIT: its number in the integer that was read, 0 the lowest; null for the other kinds. */
  bit: number | null;
  /** Of VALUE: the values that are an alarm; empty for the other kinds. */
  alarmValues: number[];
  /** Of BIT: alarm when it is 0; of VALUE: when it is none of them. */
  inverted: boolean;
  /** How far behind the threshold the value must be before the alarm clears, in its unit. */
  hysteresis: number;
  /** How long it must be violated, by the times of the readings, before the alarm is raised. */
  onDelaySeconds: number;
  /** How long it must be normal, by the times of the readings, before the alarm clears. */
  offDelaySeconds: number;
  /** How much the alarm matters. */
  priority: AlarmPriority;
  /** Whether it is watched. */
  enabled: boolean;
  /** Whether the alarm stays after the value is normal again, until somebody acknowledges it then. */
  latched: boolean;
  /** For the operator: what is probably the matter. */
  cause: string;
  /** For the operator: what happens when nobody does anything. */
  consequence: string;
  /** For the operator: what to do. */
  action: string;
  /** For the operator: within how many seconds; null when nothing is said. */
  respondWithinSeconds: number | null;
}

/** The answer of createProfile. */
export interface ProfilePayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The profile, as it is now; null when there were errors. */
  profile: Profile | null;
}

/** A point of a profile; each device that follows it has a copy. */
export interface ProfilePoint {
  /** Its short name, unique in the profile: `flow_rate`. */
  key: string;
  /** Its name for people, `Flow rate`. */
  name: string;
  /** Unit of the value; empty when it has none. */
  unit: string;
  /** The table it is read from. */
  registerTable: RegisterTable;
  /** Protocol address, counted from 0. */
  address: number;
  /** What its bits mean. */
  dataType: DataType;
  /** Which bit of the word, 0 (least significant) to 15, of BITS the lowest; null for other types than BIT and BITS. */
  bit: number | null;
  /** Words of a text, or how many bits BITS has; null for other types. */
  length: number | null;
  /** The order of its bytes. */
  byteOrder: ByteOrder;
  /** value = raw × scale + offset. */
  scale: number;
  /** value = raw × scale + offset. */
  offset: number;
  /** By what registers the value is multiplied besides; empty: by none. */
  scaleBy: string;
  /** Of a calculated point: what is computed; empty for one that is read. */
  expression: string;
  /** Whether it counts up, as a meter does. */
  counter: boolean;
  /** The value at which a counter begins at 0 again; null: as its data type says. */
  modulus: number | null;
  /** How often it is read, in seconds. */
  intervalSeconds: number;
  /** A change smaller than this, in its unit, is not stored before the heartbeat. */
  deadband: number;
  /** With a deadband it is stored at least this often, in seconds. */
  heartbeatSeconds: number;
  /** A value below this, in the point's unit, is bad; null: no limit. */
  validMin: number | null;
  /** A value above this, in the point's unit, is bad; null: no limit. */
  validMax: number | null;
  /** Raw values with which the device says that it has no value. */
  sentinels: number[];
  /** What its values are called, by value. */
  valueNames: ValueName[];
  /** Whether it is read. */
  enabled: boolean;
  /** What of its values is an alarm. */
  limits: ProfileLimit[];
}

/** How far a reading can be trusted. */
export type Quality = "GOOD" | "UNCERTAIN" | "BAD";

/** What a quality code of a column means. */
export interface QualityCode {
  /** The number in the column. */
  code: number;
  /** Its class. */
  quality: Quality;
  /** Its name. */
  reason: Reason;
  /** What an engineer should know, or do. */
  explanation: string;
}

/** What can be read. */
export interface Query {
  /** One alarm, whatever its state; null when there is none. */
  alarm: Alarm | null;
  /** Alarms that are not normal, and those that are hidden, a page at a time; the worst first. */
  alarms: AlarmConnection;
  /** What people know of times, a page at a time, the newest first. */
  annotations: AnnotationConnection;
  /** Who did what, a page at a time, the newest first. For the owner only: it tells people's addresses and habits. */
  audit: AuditEntryConnection;
  /** All that is recorded, with its meaning. */
  auditActions: AuditAction[];
  /** For how much of a time devices answered, the worst first: by the changes of their state, kept as long as their readings. */
  availability: DeviceAvailability[];
  /** The backups, a page at a time, the newest first. */
  backups: BackupConnection;
  /** One backup; null when there is none with this id. */
  backup: Backup | null;
  /** Series over many points: sum, mean, lowest and highest of them in each bucket; and one divided by another. All of it is made in the database. Points of different units are refused: a sum of kW and °C is nothing. */
  combined: Combined;
  /** What the owner decided for the whole site. */
  configuration: Configuration;
  /** What can be decided: each field with its kind, unit, bounds and default, for programs that make a form of it. */
  configurationFields: ConfigurationField[];
  /** All versions of the configuration, a page at a time, the newest first: who changed what, when and from where. */
  configurationVersions: ConfigurationVersionConnection;
  /** The configuration as a file of YAML, with what each field means and takes; importConfiguration reads it. */
  configurationYaml: string;
  /** The connections, by endpoint; also one whose devices are all gone, which keeps its settings. */
  connections: ModbusConnection[];
  /** One device, by its id or its name; null when there is none. */
  device: Device | null;
  /** Devices, a page at a time: `devices(first: 20, state: OFFLINE, orderBy: LAST_SEEN)`. */
  devices: DeviceConnection;
  /** One erasure and its progress; null when there is none. */
  erasure: Erasure | null;
  /** The newest 100 erasures of the last year, newest first. */
  erasures: Erasure[];
  /** A scan, with its progress and what it found so far; null when there is none. */
  scan: Scan | null;
  /** Groups, a page at a time. */
  groups: GroupConnection;
  /** One group, by its id or its name; null when there is none. */
  group: Group | null;
  /** The scheduled jobs, what they do and how their last runs went. */
  jobs: ScheduledJob[];
  /** What happened to alarms, a page at a time, the newest first. `totalCount` reads all that passes: of a long journal ask for it with a filter only. */
  alarmJournal: AlarmEventConnection;
  /** How well the alarm system did in a period, by the measures of ISA-18.2 and EEMUA 191. */
  alarmPerformance: AlarmPerformance;
  /** How a device is polled: its requests, what they cost, and the load of its whole connection; null when there is none. */
  plan: Plan | null;
  /** Points of all devices, a page at a time. */
  points: PointConnection;
  /** What limits would have done to the readings that are stored: how often, how long, when. Nothing is saved. They are compared as the collector compares them, delays and hysteresis included, beginning at rest. Each limit is looked at as if it were enabled. */
  alarmPreview: LimitPreview[];
  /** Profiles, a page at a time. */
  profiles: ProfileConnection;
  /** One profile, by its id or its name; null when there is none. */
  profile: Profile | null;
  /** The restores that were asked for, the newest first. */
  restores: Restore[];
  /** One restore; null when there is none with this id. */
  restore: Restore | null;
  /** The newest readings of devices and points, or of all of them when neither is given. */
  latest: Latest;
  /** What administrators should know now; empty when there is nothing. */
  notices: Notice[];
  /** What the next runs of the retention will erase, of which device, and until when it can be exported. */
  retentionPreview: RetentionPreview;
  /** The newest runs of the retention, newest first. */
  retentionRuns: RetentionRun[];
  /** The history of points: as they are given, then those of devices and groups, by device. */
  series: Series[];
  /** What is stored, what it takes, how fast it grows. */
  storage: Storage;
  /** Versions, storage edition and quality codes of this installation. */
  system: System;
  /** The collectors that ever ran, by name, a page at a time. */
  collectors: CollectorConnection;
  /** Where you are signed in, or for an owner where another person is; what was used last comes first. */
  sessions: Session[];
  /** API tokens, a page at a time, the newest first. */
  tokens: TokenConnection;
  /** The people who may sign in, a page at a time. */
  users: UserConnection;
  /** Who the token in use says that you are. */
  me: Me;
  /** All webhooks, at most 100, by name. */
  webhooks: Webhook[];
  /** What a webhook was and will be told, a page at a time, the newest first; kept for two weeks. */
  webhookDeliveries: WebhookDeliveryConnection;
  /** The last known value of each point at each time, by point: at most 10,000 in all. Texts are left out. */
  valuesAt: ValueAt[];
}

/** One reading of a point. */
export interface Reading {
  /** When it was read. */
  time: string;
  /** The value in the point's unit; null when it is bad or a text. */
  value: number | null;
  /** The text of a string point; null where the point has a number. */
  text: string | null;
  /** How far it can be trusted. */
  quality: Quality;
  /** Why it is not better. */
  reason: Reason;
  /** What the value is called: `Fault`; null without a name. */
  valueName: string | null;
}

/** Readings of the chosen points: first all newest ones, then what arrives. */
export interface ReadingsEvent {
  /** Whether this is everything, or what is new. */
  kind: EventKind;
  /** Why everything was sent; null when it is no snapshot. */
  reason: SnapshotReason | null;
  /** Give it as `resumeFrom` of a new subscription, and that goes on after this event. */
  resumeToken: string;
  /** What is not in this stream; empty when all is, as nearly always. */
  gaps: ReadingsGap[];
  /** The readings as columns: the cheap way. */
  columns: LiveColumns;
  /** The readings as objects: the convenient way, for up to some hundred points. */
  readings: LiveReading[];
}

/** A time from which the stream does not give all readings; ask `series` for it. */
export interface ReadingsGap {
  /** From when, inclusive. */
  from: string;
  /** To when, inclusive. */
  to: string;
  /** Why. */
  reason: GapReason;
}

/** Why a reading is what it is. */
export type Reason = "GOOD" | "CLOCK" | "ROUNDED" | "IMPORTED_UNCERTAIN" | "MANUAL" | "TIMEOUT" | "REFUSED" | "UNREACHABLE" | "CLOSED" | "MALFORMED" | "WRONG_UNIT" | "NO_PORT" | "ILLEGAL_FUNCTION" | "ILLEGAL_ADDRESS" | "ILLEGAL_VALUE" | "DEVICE_FAILURE" | "ACKNOWLEDGE" | "BUSY" | "NEGATIVE_ACKNOWLEDGE" | "PARITY" | "GATEWAY_PATH" | "GATEWAY_TARGET" | "UNKNOWN_EXCEPTION" | "SENTINEL" | "OUT_OF_RANGE" | "NOT_A_NUMBER" | "IMPORTED_BAD" | "NO_VALUE" | "INPUT_BAD" | "INPUT_STALE" | "DIVISION_BY_ZERO" | "OVERFLOW";

/** Registers that can be read, without a gap. */
export interface RegisterRange {
  /** The table. */
  registerTable: RegisterTable;
  /** The first address. */
  address: number;
  /** How many registers, or bits. */
  count: number;
}

/** The four tables of Modbus, and none. */
export type RegisterTable = "COIL" | "DISCRETE_INPUT" | "INPUT" | "HOLDING" | "CALCULATED";

/** The answer of removeCollector. */
export interface RemoveCollectorPayload {
  /** What was wrong; empty when it was removed. */
  errors: UserError[];
  /** The name of the collector that was removed. */
  collector: string | null;
}

/** The answer of replayWebhookDeliveries. */
export interface ReplayWebhookPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** How many wait again; null when there were errors. */
  replayed: number | null;
}

/** A backup that is restored into a new database, beside the one in use, which is not touched. */
export interface Restore {
  /** Opaque. */
  id: string;
  /** The name of the backup. */
  backup: string;
  /** The name of the new database, on the server of the backups. */
  database: string;
  /** How far it is. */
  state: RestoreState;
  /** When it was asked for. */
  askedAt: string;
  /** Who asked. */
  askedBy: string | null;
  /** When it began. */
  startedAt: string | null;
  /** When it ended. */
  finishedAt: string | null;
  /** How much is done, 0 to 1; null when nobody knows. */
  progress: number | null;
  /** What is done just now. */
  doing: string | null;
  /** Why it could not be done. */
  error: string | null;
  /** What is not as the manifest of the backup says; empty: all of it is. */
  differences: string[];
  /** What to do now: to look at it, to switch over, and back; empty until it is done. */
  steps: string[];
  /** What was done: edition, schema, size, seconds, notes. */
  details: unknown | null;
}

/** The answer of the mutations of restores. */
export interface RestorePayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The restore as it is then; null when there were errors. */
  restore: Restore | null;
}

/** How far a restore is. */
export type RestoreState = "WAITING" | "RUNNING" | "DONE" | "FAILED" | "CANCELLED";

/** What the next runs of the retention will erase. */
export interface RetentionPreview {
  /** When the next run is. */
  dueAt: string;
  /** When it was announced; null before the first time. A run takes only what was announced by then. */
  announcedAt: string | null;
  /** How many rows go, of all devices. */
  rows: number;
  /** What they take, in bytes, about. */
  bytes: number;
  /** How many devices lose something. */
  deviceCount: number;
  /** The devices that lose something, those that lose the most first. */
  devices: ExpiringDevice[];
}

/** A run of the retention. */
export interface RetentionRun {
  /** Opaque, `12`. */
  id: string;
  /** When it began. */
  startedAt: string;
  /** When it ended. */
  finishedAt: string | null;
  /** How it ended. */
  state: RetentionRunState;
  /** `schedule`, or who ran it. */
  requestedBy: string;
  /** Why it stopped. */
  error: string | null;
  /** Rows erased, of all tables. */
  rows: number;
  /** What they took, in bytes, about. */
  bytes: number;
  /** The same, table by table. */
  tables: RetentionRunTable[];
}

/** How a run of the retention ended. */
export type RetentionRunState = "RUNNING" | "DONE" | "FAILED" | "INTERRUPTED";

/** What a run erased of one table. */
export interface RetentionRunTable {
  /** `readings`, `texts`, or `rollup_1m`, `rollup_1h`, `rollup_1d`. */
  table: string;
  /** Rows erased; of whole chunks by the rollups of their days. */
  rows: number;
  /** What they took, in bytes: exact of whole chunks, else about. */
  bytes: number;
  /** Chunks that were dropped whole; their bytes are free on the disk at once. */
  chunks: number;
}

/** The answer of revokeToken. */
export interface RevokeTokenPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The revoked token; null when there were errors. */
  token: Token | null;
}

/** What a caller may do; each role includes the next one. */
export type Role = "OWNER" | "ADMIN" | "VIEWER";

/** One row of a series as an object: a reading, or a bucket of readings. */
export interface Sample {
  /** When it was read, or where the bucket begins. */
  time: string;
  /** The value, or the average of a bucket, in which each reading counts the same; null when it is bad or a text. */
  value: number | null;
  /** The average of a bucket in which each value counts by how long it held; the value itself without buckets. */
  timeWeightedAverage: number | null;
  /** The lowest value; null without one. */
  min: number | null;
  /** The highest value; null without one. */
  max: number | null;
  /** How much a counter counted in a bucket, in its unit; else null. */
  increase: number | null;
  /** The increase an hour; else null. */
  rate: number | null;
  /** How many readings with a value. */
  count: number;
  /** The text of a string point; of an integer beyond 2^53, which a number cannot hold, all of its digits. */
  text: string | null;
  /** How far it can be trusted; the worst of a bucket. */
  quality: Quality;
  /** Why it is not better. */
  reason: Reason;
  /** What the value is called: `Fault`; of a bucket, where it was the same in all of it; null without a name. */
  valueName: string | null;
}

/** A page of samples, oldest first. */
export interface SamplePage {
  /** The samples. */
  nodes: Sample[];
  /** Whether more follow: pass endCursor as `after`. */
  hasNextPage: boolean;
  /** Cursor of the last one; null when there are none. */
  endCursor: string | null;
}

/** A scan that runs or ran. */
export interface Scan {
  /** Opaque, `req_12`. */
  id: string;
  /** How far it is. */
  state: FieldRequestState;
  /** How far it is, 0 to 1. */
  progress: number;
  /** Why it failed; null unless it did. */
  error: string | null;
  /** When it was asked. */
  createdAt: string;
  /** When it ended. */
  finishedAt: string | null;
  /** The units found so far. */
  units: ScannedUnit[];
  /** What else was noticed. */
  notes: string[];
  /** Modbus requests sent so far. */
  requests: number;
}

/** The answer of scan and cancelScan. */
export interface ScanPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The scan; ask for it again to see its progress. */
  scan: Scan | null;
}

/** A unit that answers. */
export interface ScannedUnit {
  /** Its Modbus unit id. */
  unitId: number;
  /** GOOD, or the exception that it answered first. */
  reason: Reason;
  /** How long its first answer took, in milliseconds. */
  milliseconds: number;
  /** What can be read. */
  ranges: RegisterRange[];
  /** What else was noticed. */
  notes: string[];
}

/** A job that runs by itself, on one replica of the API or, of backups, in `ddms backups`. */
export interface ScheduledJob {
  /** Its name, `rollups`. */
  name: string;
  /** When it runs: `every 20 s`, five fields of cron and the time zone, `0 2 * * * Europe/Berlin`, or `never`; null before the first program took it over. */
  schedule: string | null;
  /** What it does just now. */
  state: JobState;
  /** When it runs next; null while it is paused, and of what never runs by itself. */
  nextRun: string | null;
  /** How much of the run that goes on is done, 0 to 1; null when nobody knows. */
  progress: number | null;
  /** What the run that goes on does just now; null when it does not say. */
  doing: string | null;
  /** When the run that goes on began, or the last one; null before the first. */
  startedAt: string | null;
  /** When its last run ended. */
  finishedAt: string | null;
  /** Why its last run failed; null when it was done. */
  error: string | null;
  /** When a run was last done without an error. */
  lastSuccess: string | null;
  /** Since when it is paused; null: it is not. */
  pausedAt: string | null;
  /** Who paused it. */
  pausedBy: string | null;
  /** Whether it may be paused; what keeps the site safe may not. */
  mayPause: boolean;
  /** Its last runs, the newest first. */
  runs: JobRun[];
}

/** The history of one point. */
export interface Series {
  /** The point. */
  point: Point;
  /** What it is made of. */
  source: SeriesSource;
  /** How long a bucket is, `PT15M`; null when each row is one reading. Where the clock changes one may be shorter or longer. */
  bucket: string | null;
  /** Its beginning, inclusive; with buckets, where the first one begins. */
  from: string;
  /** Its end, exclusive; with buckets, where the last one ends. */
  to: string;
  /** Where the bucket begins that is not over and will change; null when none is open. */
  openFrom: string | null;
  /** Whether it was cut off at maxPoints: go on at continueFrom. Only raw readings and texts are. */
  truncated: boolean;
  /** The `from` that goes on where this ends; null at the end. */
  continueFrom: string | null;
  /** Number of rows, without those that only mark an outage. */
  count: number;
  /** Where data are missing. */
  gaps: SeriesGap[];
  /** What percentiles are made of: the readings, where at most 10,000 are expected that are there still, or where buckets are not made of hours; else the sketches that hours and days keep, within 2.5 % of the readings' ranks. Null without percentiles. */
  percentileSource: SeriesSource | null;
  /** The series as columns: the cheap way. */
  columns: SeriesColumns;
  /** The series as objects, without rows that only mark an outage: the convenient way. */
  samples: SamplePage;
}

/** A series as columns of one length, oldest first. Where an outage begins there is a row of nulls. */
export interface SeriesColumns {
  /** When each was read, or where each bucket begins. */
  time: number[];
  /** The value of each reading, or the average of each bucket; null when there is none: not to be drawn through. In the average each reading counts the same, however long its value held; timeWeightedAverage is the other one. */
  value: (number | null)[];
  /** The average of each bucket in which each value counts by how long it held, also over the bucket's edges. A value holds to the next reading, through an outage for one interval of its point; a bad reading holds nothing. Null where none held, and for rollups made before DDMS could tell, which are made again in the background. Without buckets it is the value itself. */
  timeWeightedAverage: (number | null)[];
  /** For how many seconds of each bucket a value held; average timeWeightedAverage over buckets by this weight. Without buckets it is 0. */
  coveredSeconds: (number | null)[];
  /** How much a counter counted in each bucket, in its unit: from the last value before the bucket to its last value. Right where the counter begins again at its modulus, is set back or replaced. What was counted in an outage belongs to the bucket in which the next value came, so all buckets add up. Null of a point that is no counter, and where no value came. */
  increase: (number | null)[];
  /** The increase of each bucket an hour (of kWh: kW), over the time between the values that it was counted from. So it is right after an outage and in the bucket that still fills. Null as `increase`, and of a single first value. */
  rate: (number | null)[];
  /** How often the counter was set back in each bucket (a reset, another meter); from then on it was counted from 0. */
  restarts: (number | null)[];
  /** For how many seconds of each bucket the value was in `state`, as each value holds (see timeWeightedAverage). Exact: rollups whose values are all in the state, or all out of it, are taken whole, the others looked at down to the readings. Where those are erased, a minute counts by its average; a switch stays exact. Empty without `state`. */
  stateSeconds: (number | null)[];
  /** How often the value came into `state` in each bucket: a value in it after one that was not. Empty without `state`. */
  starts: (number | null)[];
  /** How far the values of each bucket lie around their average (of the population, each reading counts the same). */
  standardDeviation: (number | null)[];
  /** A column for each of the `percentiles` that were asked for, in their order; empty without. */
  percentiles: SeriesPercentile[];
  /** The name of each bucket's shift, with the calendar SHIFT; null between shifts. Empty with others. */
  shift: (string | null)[];
  /** The lowest value in each bucket. */
  min: (number | null)[];
  /** The highest value in each bucket. */
  max: (number | null)[];
  /** The first value in each bucket. */
  first: (number | null)[];
  /** The last value in each bucket. */
  last: (number | null)[];
  /** How many readings with a value are in each bucket; average `value` over buckets by value × count. */
  count: (number | null)[];
  /** Which share of the readings in each bucket was good, 0 to 1. */
  good: (number | null)[];
  /** The quality code of each reading, the worst of each bucket; null where an outage begins. */
  quality: number[];
  /** The text of each, for a string point: stored when it changed; and all digits of integers beyond 2^53. Empty where all are numbers. */
  text: (string | null)[];
  /** What the value of each reading is called, or of each bucket in which it was the same; null without a name. Empty where no value of the point has a name. */
  valueName: (string | null)[];
}

/** A time without data, an outage: longer than three intervals of the point (and its heartbeat) without a reading. */
export interface SeriesGap {
  /** When the next reading was due, or the beginning of what was asked for. */
  from: string;
  /** When the next one came, or the end of what was asked for. */
  to: string;
}

/** A percentile of each bucket, by nearest rank: the lowest value at or below which so much of the readings lies. */
export interface SeriesPercentile {
  /** Which one: 95. */
  percent: number;
  /** The value in each bucket; null where there is none. */
  value: (number | null)[];
}

/** What a series is made of: the readings, or a rollup that keeps their count, sum and extremes. */
export type SeriesSource = "RAW" | "MINUTES" | "HOURS" | "DAYS";

/** One place where a person is signed in: a browser, or a program that holds a token of signIn. */
export interface Session {
  /** Opaque and stable, `ses_12`. */
  id: string;
  /** Browser and system, `Firefox, Windows`, as far as they can be told; null for a token of signIn. */
  device: string | null;
  /** What the browser called itself at sign-in, shortened; null for a token of signIn. */
  agent: string | null;
  /** The address it signed in from; null for a token of signIn. */
  address: string | null;
  /** The OpenID provider that signed the person in; null for a password. */
  provider: string | null;
  /** When it began. */
  createdAt: string;
  /** When it was last used, to the minute; null when never. */
  lastUsedAt: string | null;
  /** When it ends if it is not used any more. */
  endsAt: string;
  /** Whether it is the one that asks. */
  isCurrent: boolean;
}

/** The answer of setUserGroups. */
export interface SetUserGroupsPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The groups to whose devices the rights reach now; null when they have no limits. */
  groups: Group[] | null;
}

/** How an alarm is shelved. */
export type ShelfKind = "TIMED" | "ONCE";

/** The answer of signIn. */
export interface SignInPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** A token for the header `Authorization: Bearer …`, valid for 12 hours; null when there were errors. */
  secret: string | null;
  /** The token's name, role and end; null when there were errors. */
  token: Token | null;
}

/** The answer of signOut. */
export interface SignOutPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The token that is no longer valid; null when there were errors. */
  token: Token | null;
}

/** Why a snapshot was sent. */
export type SnapshotReason = "STARTED" | "RECONNECTED" | "CONFIGURATION" | "TOO_SLOW";

/** An alarm that stood for more than 24 hours. */
export interface StaleAlarm {
  /** The alarm, as it is now. */
  alarm: Alarm;
  /** When it was raised. */
  from: string;
  /** When it ended; null when it still stands. */
  to: string | null;
}

/** What is stored, and what it takes. */
export interface Storage {
  /** `community` (TimescaleDB), `apache` (its Apache edition) or `plain` (PostgreSQL). */
  edition: string;
  /** How to come to an edition that does more, with all that is stored; null where there is none to come to. */
  editionAdvice: string | null;
  /** Version of PostgreSQL. */
  serverVersion: string;
  /** Version of TimescaleDB; null on plain PostgreSQL. */
  timescaledbVersion: string | null;
  /** Whether this edition compresses old readings; only community does. */
  compression: boolean;
  /** Size of the database in bytes. */
  bytes: number;
  /** How much it grows a day, over the last 30 days; null before the second day. */
  growthBytesPerDay: number | null;
  /** Size of the disk in bytes; null when the API cannot see it (setting DDMS_DISK_PATH). */
  diskBytes: number | null;
  /** What is free of it, in bytes; null when the API cannot see it. */
  diskFreeBytes: number | null;
  /** When the disk will be full if it goes on like this; null when it does not grow, or nobody knows. */
  fullOn: string | null;
  /** The tables of history. */
  tables: StorageTable[];
  /** The jobs that the database runs by itself; `jobs` has those of DDMS. */
  jobs: StorageJob[];
}

/** A job that the database runs by itself. */
export interface StorageJob {
  /** What it does, `compression`. */
  job: string;
  /** The table it does it to. */
  subject: string;
  /** When its last run began. */
  lastStarted: string | null;
  /** When a run was last done without an error. */
  lastSuccess: string | null;
  /** How many runs failed. */
  failures: number;
  /** Whether the last run failed. */
  failed: boolean;
  /** When it runs next. */
  nextStart: string | null;
}

/** A table of history. Rows are estimates from statistics. */
export interface StorageTable {
  /** `readings`, `texts`, or `rollup_1m`, `rollup_1h`, `rollup_1d`. */
  name: string;
  /** How many rows it has, about. */
  rows: number;
  /** What it takes now, with its indexes, in bytes. */
  bytes: number;
  /** Bytes a row; null when there are none. */
  bytesPerRow: number | null;
  /** In how many chunks; null on plain PostgreSQL. */
  chunks: number | null;
  /** How many of them are compressed; null where there are no chunks. */
  compressedChunks: number | null;
  /** What the compressed chunks took before, in bytes; null when none is compressed. */
  bytesBefore: number | null;
  /** What they take now, in bytes; null when none is compressed. */
  bytesAfter: number | null;
  /** Which share of it compression saved, 0 to 1; null when none is compressed. */
  saved: number | null;
  /** Where its oldest chunk begins; null where there are no chunks. */
  oldest: string | null;
  /** Where its newest chunk ends; null where there are no chunks. */
  newest: string | null;
}

/** What is pushed, over websockets (graphql-transport-ws) or as server-sent events. */
export interface Subscription {
  /** Follow readings: first a snapshot of the newest ones, then each as it arrives from the collectors. */
  readings: ReadingsEvent;
  /** Follow which devices are online: first a snapshot of all states, then each change. */
  deviceStates: DeviceStatesEvent;
  /** Follow alarms: first a snapshot of those that are not normal, or hidden, then what happens to each, with the alarm as it is after that. */
  alarms: AlarmsEvent;
  /** Follow the scheduled jobs: first a snapshot of all, then those that begin, end, go on, are paused or get another due time. Jobs that run every few seconds are told of as often. */
  jobs: JobsEvent;
  /** Follow backups, their verifications and restores: first a snapshot of those that wait, run, or are there, the newest 100 backups; then each that is asked for, goes on (once a second), ends, is copied or removed. */
  backups: BackupsEvent;
  /** Follow a scan: how it is now, then each step, up to the state DONE, FAILED or CANCELLED, after which nothing comes. */
  scanProgress: Scan;
}

/** The installation. */
export interface System {
  /** Version of DDMS. */
  version: string;
  /** What the database can do: `community` (TimescaleDB), `apache` (its Apache edition), `plain` (PostgreSQL). */
  edition: string;
  /** Version of the database's schema. */
  schemaVersion: string;
  /** The server's clock. */
  time: string;
  /** Whether the live stream is connected. */
  live: boolean;
  /** All quality codes. */
  qualities: QualityCode[];
}

/** The answer of testConnection and testDevice. */
export interface TestConnectionPayload {
  /** What was wrong; empty when the test ran. */
  errors: UserError[];
  /** What was sent, and what came back. */
  requests: TestedRequest[];
  /** What the points would show. */
  values: TestedValue[];
}

/** The answer of testWebhook. */
export interface TestWebhookPayload {
  /** What was wrong; empty when it was sent. */
  errors: UserError[];
  /** Whether the target took it. */
  taken: boolean;
  /** The status of the answer; null when none came. */
  status: number | null;
  /** Why it did not take it. */
  reason: string | null;
  /** How long it took. */
  seconds: number | null;
}

/** One request that was sent to the device. */
export interface TestedRequest {
  /** The table that was read. */
  registerTable: RegisterTable;
  /** First address, counted from 0. */
  address: number;
  /** How many registers, or bits. */
  count: number;
  /** How long the answer took, in milliseconds; null when there was none. */
  milliseconds: number | null;
  /** The raw words (or bits); null when there was no answer. */
  words: number[] | null;
  /** GOOD, or what went wrong. */
  reason: Reason;
  /** What an engineer should know, or do. */
  explanation: string;
}

/** One point, as it would be read. */
export interface TestedValue {
  /** The point's key. */
  key: string;
  /** The decoded number before scale and offset; null when there is none. */
  raw: number | null;
  /** The value in the point's unit; null when there is none. */
  value: number | null;
  /** The text of a string point; null where the point has a number. */
  text: string | null;
  /** GOOD, or why there is no value. */
  reason: Reason;
  /** What an engineer should know, or do. */
  explanation: string;
}

/** A key to this API, for a program; what it opens is its role's. */
export interface Token {
  /** Opaque and stable, `tok_12`. */
  id: string;
  /** What the token is for, as its maker wrote it. */
  name: string;
  /** What its bearer may do. */
  role: Role;
  /** When it was made. */
  createdAt: string;
  /** When it stops being valid. */
  expiresAt: string;
  /** When it was last used, to the minute; null when never. */
  lastUsedAt: string | null;
  /** When it was revoked; null while it is not. */
  revokedAt: string | null;
  /** Whether its bearer may send registered documents only. */
  trustedOnly: boolean;
}

/** A page of a list. */
export interface TokenConnection {
  /** What stands on this page, with cursors. */
  edges: TokenEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: Token[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface TokenEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: Token;
}

/** A person who may sign in. */
export interface User {
  /** Opaque and stable, `usr_2`. */
  id: string;
  /** Unique; upper and lower case are the same. */
  name: string;
  /** What the person may do. */
  role: Role;
  /** In which language the person is spoken to; null: as the browser asks. */
  language: Language | null;
  /** Whether the person may sign in. */
  enabled: boolean;
  /** Whether the password was given by somebody else, and must be changed first. */
  mustChangePassword: boolean;
  /** Name of the OpenID provider that signs the person in; null for an account with a password. */
  provider: string | null;
  /** When the person was added. */
  createdAt: string;
  /** When the person last signed in; null when not in 180 days. */
  lastSignInAt: string | null;
  /** The groups to whose devices the rights reach; null when they reach to everything. */
  groups: Group[] | null;
}

/** What shall be different; what is left out stays. */
export interface UserChanges {
  /** 1 to 64 characters, unique. */
  name?: string | null;
  /** What the person may do; it holds at once. */
  role?: Role | null;
  /** In which language the person is spoken to; null: as the browser asks. */
  language?: Language | null;
  /** Whether the person may sign in; false ends sessions and tokens of sign-ins. */
  enabled?: boolean | null;
}

/** A page of a list. */
export interface UserConnection {
  /** What stands on this page, with cursors. */
  edges: UserEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: User[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface UserEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: User;
}

/** A mistake in the input of a mutation, which the caller can put right. */
export interface UserError {
  /** What kind of mistake it was. */
  code: ErrorCode;
  /** What to do, in a sentence. */
  message: string;
  /** The input that was wrong, as the caller named it: `endpoint`, `points.2.address`; null when it was none of them. */
  field: string | null;
  /** The line of a file, from 1; null outside files. */
  line: number | null;
  /** The column in that line, from 1: of CSV the cell, of YAML the character; null outside files. */
  column: number | null;
}

/** A person, as added. */
export interface UserInput {
  /** 1 to 64 characters, unique; upper and lower case, wide and narrow letters are the same. */
  name?: string;
  /** What the person may do. */
  role?: Role;
  /** In which language the person is spoken to; null: as the browser asks. */
  language?: Language | null;
  /** 8 to 128 characters, neither the name nor among the 10,000 commonest passwords; null: one is made, and answered this once. */
  password?: string | null;
  /** Whether the person must change this `password` first; one that was made must always be changed. */
  mustChangePassword?: boolean;
}

/** The answer of createUser and resetPassword. */
export interface UserPasswordPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The person, as now; null when there were errors. */
  user: User | null;
  /** The one-time password that was made: shown this once, and kept nowhere; null when you gave one. */
  password: string | null;
}

/** The answer of updateUser. */
export interface UserPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** The person, as now; null when there were errors. */
  user: User | null;
}

/** What was known of a point at a time. */
export interface ValueAt {
  /** The point. */
  point: Point;
  /** The time that was asked about. */
  at: string;
  /** The value then; null when nothing had been read before. */
  value: number | null;
  /** What the value is called: `Fault`; null without a name. */
  valueName: string | null;
  /** When the last known value was read. */
  readAt: string | null;
  /** How old it was then, in seconds: say yourself how old is too old. */
  age: number | null;
  /** Whether it lies on the line between two readings. */
  interpolated: boolean;
  /** Whether the reading is erased: then it is the last one of a minute, hour or day. */
  erased: boolean;
}

/** In which colour a named value is shown. */
export type ValueColor = "GREEN" | "YELLOW" | "ORANGE" | "RED" | "BLUE" | "PURPLE" | "GREY";

/** What a value of a point is called. */
export interface ValueName {
  /** The value, a whole number. */
  value: number;
  /** What it is called: `Fault`. */
  name: string;
  /** In which colour it is shown; null: no own one. */
  color: ValueColor | null;
}

/** What a value of a point shall be called. */
export interface ValueNameInput {
  /** The value, after scale and offset: a whole number of up to 15 digits. */
  value?: number;
  /** What it is called, 1 to 60 characters: `Fault`. Several values may have the same. */
  name?: string;
  /** In which colour it is shown. */
  color?: ValueColor | null;
}

/** How the verification of a backup went: its restore into a scratch database. */
export type VerificationState = "WAITING" | "RUNNING" | "VERIFIED" | "FAILED";

/** A target that is told over HTTP what happens, signed, in order, at least once (docs/webhooks.md). */
export interface Webhook {
  /** Opaque and stable, `wh_3`. */
  id: string;
  /** Unique; upper and lower case are the same. */
  name: string;
  /** Where it leads: `https://host/path`, to a host or network of the server's setting DDMS_WEBHOOK_TARGETS. */
  url: string;
  /** Which events of alarms it is told of; those of `alarmJournal`. */
  alarmEvents: AlarmEventKind[];
  /** Whether it is told when a device comes online, goes offline, has errors, is disabled. */
  deviceStates: boolean;
  /** Of which priorities the alarms are; null: of all. */
  priorities: AlarmPriority[] | null;
  /** Of the devices of which group, and of the connections that they are behind; null: of all. */
  groupId: string | null;
  /** The group's name. */
  groupName: string | null;
  /** Whether it is told; what happens meanwhile is not queued. */
  enabled: boolean;
  /** Until when what is sent is signed by the secret before, too. */
  oldSecretUntil: string | null;
  /** Since when it takes nothing; null: the last message was taken. */
  failingSince: string | null;
  /** Why it does not. */
  lastError: string | null;
  /** When it is tried again; null: at once. */
  nextAttemptAt: string | null;
  /** How many messages wait, at most 100,000. */
  waiting: number;
  /** How many were given up in the last two weeks. */
  dead: number;
  /** How many found no room in the queue and were never sent; alarmJournal has them. */
  lost: number;
  /** What was sent last. */
  lastDelivery: WebhookDelivery | null;
  /** Who made it, by name. */
  createdBy: string;
  /** When it was made. */
  createdAt: string;
  /** When it was last changed. */
  updatedAt: string;
  /** Grows with each change; updateWebhook may ask for it. */
  version: number;
}

/** What shall be different; what is left out stays. */
export interface WebhookChanges {
  /** 1 to 120 characters, unique. */
  name?: string | null;
  /** Where it leads: `https://host/path`, to a host or network of the server's setting DDMS_WEBHOOK_TARGETS. */
  url?: string | null;
  /** Which events of alarms it is told of; those of `alarmJournal`. */
  alarmEvents?: AlarmEventKind[] | null;
  /** Whether it is told when a device comes online, goes offline, has errors, is disabled. */
  deviceStates?: boolean | null;
  /** Of which priorities the alarms are; null: of all. */
  priorities?: AlarmPriority[] | null;
  /** Of the devices of which group, and of the connections that they are behind; null: of all. */
  group?: string | null;
  /** Whether it is told. */
  enabled?: boolean | null;
  /** Make a new secret, which the answer shows once. For a day what is sent is signed by both. */
  rotateSecret?: boolean | null;
}

/** A message to a webhook, and what became of it. */
export interface WebhookDelivery {
  /** Opaque and stable, `whd_12`. */
  id: string;
  /** The header Webhook-Id: the same however often it is sent. */
  eventId: string;
  /** What happened: `alarm.raised`, `device.state`. */
  type: string;
  /** The message, as it is sent. */
  body: string;
  /** What became of it. */
  state: DeliveryState;
  /** When it was queued. */
  createdAt: string;
  /** Until when it is tried. */
  expiresAt: string;
  /** How often it was sent. */
  attempts: number;
  /** When it was sent last. */
  triedAt: string | null;
  /** The status of the last answer; null when none came. */
  status: number | null;
  /** Why the last attempt failed; null when it did not. */
  error: string | null;
  /** How long the last attempt took. */
  seconds: number | null;
}

/** A page of a list. */
export interface WebhookDeliveryConnection {
  /** What stands on this page, with cursors. */
  edges: WebhookDeliveryEdge[];
  /** Where this page lies. */
  pageInfo: PageInfo;
  /** What stands on this page, without cursors. */
  nodes: WebhookDelivery[];
  /** How many pass the filter, on all pages; it is a statement of its own, so ask for it once. */
  totalCount: number;
}

/** One of a list, with its place. */
export interface WebhookDeliveryEdge {
  /** Its place in the list; it stays right when others come and go. */
  cursor: string;
  /** What stands there. */
  node: WebhookDelivery;
}

/** A webhook, as it shall be. */
export interface WebhookInput {
  /** 1 to 120 characters, unique; upper and lower case are the same. */
  name?: string;
  /** Where it leads: `https://host/path`, to a host or network of the server's setting DDMS_WEBHOOK_TARGETS. */
  url?: string;
  /** Which events of alarms it is told of; those of `alarmJournal`. */
  alarmEvents?: AlarmEventKind[];
  /** Whether it is told when a device comes online, goes offline, has errors, is disabled. */
  deviceStates?: boolean;
  /** Of which priorities the alarms are; null: of all. */
  priorities?: AlarmPriority[] | null;
  /** Of the devices of which group, and of the connections that they are behind; null: of all. */
  group?: string | null;
  /** Whether it is told. */
  enabled?: boolean;
}

/** The answer of createWebhook and updateWebhook. */
export interface WebhookPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** As it is now; null when there were errors. */
  webhook: Webhook | null;
  /** What signs the messages, `whsec_…`: shown this once; null when it was not made anew. */
  secret: string | null;
}

/** A day of the week. */
export type Weekday = "MONDAY" | "TUESDAY" | "WEDNESDAY" | "THURSDAY" | "FRIDAY" | "SATURDAY" | "SUNDAY";

/** The answer of writeReadings. */
export interface WriteReadingsPayload {
  /** What was wrong; empty when it was done. */
  errors: UserError[];
  /** How many are new, or in the place of others; null when there were errors. */
  written: number | null;
  /** How many were there already, as they are. */
  unchanged: number | null;
}
