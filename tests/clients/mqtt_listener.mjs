// What a consumer sees: MQTT.js of npm, and the payloads of Sparkplug decoded by sparkplug-payload, a line of JSON each.
// A line on standard input, `topic base64`, is published.
import { createInterface } from 'node:readline'
import mqtt from 'mqtt'
import sparkplug from 'sparkplug-payload'

const [url, topic, password] = process.argv.slice(2)
const { decodePayload, encodePayload } = sparkplug.get('spBv1.0')
const plain = (_, value) => typeof value === 'bigint' ? Number(value) : value?.toNumber ? value.toNumber() : value
const client = mqtt.connect(url, { ...(password && { username: 'ddms', password }), reconnectPeriod: 100, rejectUnauthorized: false })
client.on('connect', () => client.subscribe(topic, { qos: 1 }, () => console.log('{"ready": true}')))
client.on('message', (name, raw, { retain, qos, dup }) => {
  const seen = { topic: name, retain, qos, dup, size: raw.length }
  const payload = name.includes('/NCMD/') || !raw.length ? null : name.startsWith('spBv1.0/') ? decodePayload(raw) : JSON.parse(raw)
  console.log(JSON.stringify({ ...seen, payload }, plain))
})
createInterface({ input: process.stdin }).on('line', (line) => {
  const [name, kind] = line.split(' ')
  const rebirth = { timestamp: Date.now(), metrics: [{ name: 'Node Control/Rebirth', type: 'Boolean', value: true }] }
  client.publish(name, kind === 'rebirth' ? Buffer.from(encodePayload(rebirth)) : Buffer.from(kind, 'base64'))
})
