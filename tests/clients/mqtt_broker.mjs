// A broker that we did not write, for machines without mosquitto: aedes. With a password when one is given.
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { readFileSync } from 'node:fs'
import { Aedes } from 'aedes'

const [port, password, certificate] = process.argv.slice(2)
const broker = await Aedes.createBroker({
  authenticate: (client, user, given, done) => done(null, !password || (user === 'ddms' && String(given) === password)),
})
const pem = certificate && readFileSync(certificate)
const server = pem ? createTlsServer({ key: pem, cert: pem }, broker.handle) : createServer(broker.handle)
server.listen(Number(port), '127.0.0.1', () => console.log('ready'))
