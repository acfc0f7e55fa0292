// A certified OpenID Connect provider, set up as its manual says, with its own pages for signing in.
import { generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'

const [port, ddms, kid] = process.argv.slice(2)
const issuer = `http://127.0.0.1:${port}`
const groups = { ann: ['technicians', 'hall-3'], bob: ['visitors'] }
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'ddms', client_secret: 'kept: well+%', redirect_uris: [`${ddms}/openid-company`],
    post_logout_redirect_uris: [`${ddms}/sign-in?done=out`], backchannel_logout_uri: `${ddms}/openid-company`,
    backchannel_logout_session_required: true,
  }],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] },
  cookies: { keys: ['a test has no secrets'] },
  claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'groups'],
  features: { backchannelLogout: { enabled: true } },
  // It would speak to no loopback address, where DDMS is in a test.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, preferred_username: sub, groups: groups[sub] ?? [] }) }),
})
provider.on('backchannel.error', (_, error) => console.error(error))
provider.listen(Number(port), '127.0.0.1', () => console.log('ready'))
