// Where the registrar does not do what an official file says, and why: each with the row of the table (answers.mjs), the
// status, and what a judge says of it. One that is no longer there is a failure: it goes from this list.
//
//   if (!deviations('oauth2 post /oauth2/token', 401, text)) found.push(text)

const list = [
  // TS29549_SS_IdmParameterProvisioning.yaml, VALServicesConfig, valSvcConf, minItems 1: a configuration whose identities
  // the operator took away, all of them, is still a resource, until it is deleted; there is nothing to list.
  { row: /^ss-ipp .* get /, status: 200, says: /valSvcConf.* must NOT have fewer than 1 items/ },
  // TS29510_Nnrf_AccessToken.yaml, /oauth2/token, post, '401', a reference to problem details: RFC 6749 5.2, which the
  // endpoint is of, has its error invalid_client in application/json with 401, and OAuth's clients look for that.
  { row: /^oauth2 post/, status: 401, says: /content-type is "application\/json"/ },
]

const used = new Set()

// Whether what a judge says of an answer is known, and has a reason.
export function deviations(row, status, text) {
  const found = list.find((one) => one.row.test(row) && one.status === status && one.says.test(text))
  if (found) used.add(found)
  return found !== undefined
}

// Those that no judge has named.
export function unused() {
  return list.filter((one) => !used.has(one)).map((one) => `${one.row} ${one.status} ${one.says}`)
}
