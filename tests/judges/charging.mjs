// Charging records before the official files: each row of seal_charging is a ChargingDataRequest of TS 32.291 by Ajv, of
// both services, is taken by a charging function that Prism makes of Nchf_OfflineOnlyCharging, and keeps to what a CHF
// in use asks besides: subscriberIdentifier of a known kind, numbers of 32 bits.
//
//   tclsh tests/judges/judges.tcl ../openapi charging
//
// Guards sql/statements/charging.sql.

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { ask, finish, send, test } from './link.mjs'
import { faults, official, schema } from './official.mjs'

const DAY = 86400
const OFFLINE = 'TS32291_Nchf_OfflineOnlyCharging.yaml'
const CONVERGED = 'TS32291_Nchf_ConvergedCharging.yaml'
const folder = path.dirname(new URL(import.meta.url).pathname)

// --- What is charged: each operation, several VAL services, two VAL servers, rows, days -------

const root = await ask('registrar', String(-4 * DAY))
await ask(
  'sql',
  `UPDATE seal_term SET price_per_invocation = '0.25', price_per_identity_day = '0.003', currency = 'EUR' WHERE at IS NULL;
  INSERT INTO seal_term(agreement_id, seal_service, val_service_id, price_per_invocation, currency)
  VALUES ('sla', 'identity-management', 'v2x', '1.5', 'EUR'),
    ('sla', 'key-management', 'v2x', '12345678901234567.123456789', 'EUR')`,
)
const token = await ask('access_token')
const idList = (n) => Array.from({ length: n }, (_, i) => ({ valUserId: `user-${i}` }))
const body = (n) => ({
  valSvcConf: ['v2x', 'uav', 'Zürich "A"'].map((valServiceId) => ({ valServiceId, idList: idList(n) })),
})
const IPP = '/ss-ipp/v1/configurations'
const made = []
for (const key of ['v2x', 'other']) {
  for (let i = 0; i < 3; i++) {
    const answer = await send(root, { method: 'POST', uri: IPP, token: await ask('assertion', key), body: body(5 + i) })
    if (key === 'v2x') made.push(new URL(answer.headers.location).pathname)
  }
}
// More identity-seconds in a day than 31 bits hold.
await send(root, {
  method: 'POST',
  uri: IPP,
  token,
  body: { valSvcConf: [{ valServiceId: 'mass', idList: idList(30000) }] },
})
await send(root, { method: 'PUT', uri: made[0], token, body: body(2) })
await send(root, { method: 'PATCH', uri: made[1], token, type: 'application/merge-patch+json', body: body(1) })
await send(root, { method: 'GET', uri: IPP, token })
await send(root, { method: 'GET', uri: made[1], token })
await send(root, { method: 'DELETE', uri: made[2], token })
await send(root, {
  method: 'POST',
  uri: '/ss-kmpp/v1/configurations',
  token,
  body: { valSvcConf: [{ valServiceId: 'v2x', keyFormat: 'f', scope: 's', keyRecords: [{ keyInfo: 'k' }] }] },
})
await send(root, {
  method: 'POST',
  uri: '/ss-kpp/v1/request',
  token,
  body: { skmcUri: 'sip:s@v2x.example', valServiceId: 'v2x', payload: 'a2V5' },
})
await send(root, { method: 'GET', uri: '/ss-kir/v1/key-records?val-service-id=v2x', token })
await ask(
  'sql',
  `INSERT INTO seal_identity(credential, val_service_id, val_user_id)
  VALUES ('${await ask('assertion', 'v2x')}', 'v2x', 'a row')`,
)
await ask('clock')
// A registrar that charges days has a command for it, and seal_charge.
const charges = (await ask('sql', "SELECT count(*) FROM pragma_table_list WHERE name = 'seal_charge'")) !== '0'
if (charges) await ask('sql', "INSERT INTO seal_command(command) VALUES ('charge')")

const rows = (
  await ask('sql', "SELECT json_object('seq', seq, 'request', json(request)) FROM seal_charging ORDER BY seq")
)
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line))
test('judges-charging.rows', rows.length >= 15, `${rows.length} rows`)
console.log(`# ${rows.length} charging records${charges ? '' : ', of invocations alone: there is no seal_charge'}`)

// --- Judges ----------------------------------------------------------------------------------

// Each record by a judge that gives what is wrong with it, or ''.
async function judged(name, judge) {
  const found = []
  for (const { seq, request } of rows) {
    const text = await judge(request)
    if (text) found.push(`${seq}: ${text}`)
  }
  test(`judges-charging.${name}`, rows.length > 0 && found.length === 0, found.slice(0, 5).join('\n'))
}

for (const [name, file] of [
  ['offline', OFFLINE],
  ['converged', CONVERGED],
]) {
  const check = schema(official(file), 'ChargingDataRequest')
  await judged(`${name}.schema`, (request) => (check(request) ? '' : faults(check)))
  test(`judges-charging.${name}.judges`, !check({ ...rows[0]?.request, invocationSequenceNumber: -1 }))
}

function numbers(node) {
  if (typeof node === 'number') return [node]
  return node !== null && typeof node === 'object' ? Object.values(node).flatMap(numbers) : []
}
await judged('int32', (request) =>
  numbers(request)
    .filter((n) => !Number.isInteger(n) || Math.abs(n) >= 2 ** 31)
    .join(' '),
)
if (charges) {
  await judged('subscriber', ({ subscriberIdentifier }) =>
    /^(?:imsi|nai|gci|gli)-./.test(subscriberIdentifier) ? '' : subscriberIdentifier,
  )
} else {
  console.log('# skipped: kinds of subscriberIdentifier, until there is seal_charge')
}

// --- A charging function that Prism makes of the file -----------------------------------------

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

// The one operation of a one-time event: the others cost a minute.
const offline = official(OFFLINE)
offline.paths = { '/offlinechargingdata': offline.paths['/offlinechargingdata'] }
fs.writeFileSync(path.join(folder, 'offline.json'), JSON.stringify(offline))
const port = await freePort()
const prism = spawn(
  process.execPath,
  [
    path.join(folder, 'node_modules/@stoplight/prism-cli/dist/index.js'),
    'mock',
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    path.join(folder, 'offline.json'),
  ],
  { stdio: ['ignore', 'pipe', 'pipe'] },
)
let log = ''
const ready = new Promise((resolve) => {
  prism.on('exit', resolve)
  for (const stream of [prism.stdout, prism.stderr]) {
    stream.on('data', (chunk) => {
      log += chunk
      if (/listening/.test(log)) resolve()
    })
  }
})
await ready
const charge = (request) =>
  send(`http://127.0.0.1:${port}`, { method: 'POST', uri: '/offlinechargingdata', body: request })
try {
  await judged('prism', async (request) => {
    const answer = await charge(request)
    return answer.status === 201 ? '' : `${answer.status} ${answer.text.slice(0, 500)}`
  })
  test('judges-charging.prism.judges', (await charge({ oneTimeEvent: 'yes' })).status >= 400)
} catch (error) {
  test('judges-charging.prism', false, `${error.message}\n${log.slice(0, 2000)}`)
}
prism.kill()
finish()
