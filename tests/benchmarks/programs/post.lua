-- One row per request; the last line says how many were answered, and how many of them wrongly or not at all.
wrk.method = "POST"
wrk.body = '{"data": [[21]]}'
wrk.headers["content-type"] = "application/json"

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('{"requests": %d, "microseconds": %d, "failed": %d}', summary.requests, summary.duration, failed))
end
