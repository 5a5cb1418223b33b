// Where the registrar does not do what an official file says, and why: each with the row of the table (answers.mjs), the
// status, and what a judge says of it. One that is no longer there is a failure: it goes from this list.

const list = [
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
