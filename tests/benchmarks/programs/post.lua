-- Sends as many rows per request as ROWS says. The last line has the number of requests, their duration, and the number of failures.
wrk.method = "POST"
wrk.body = '{"data": [' .. string.rep("[21],", tonumber(os.getenv("ROWS")) - 1) .. '[21]]}'
wrk.headers["content-type"] = "application/json"

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('{"requests": %d, "microseconds": %d, "failed": %d}', summary.requests, summary.duration, failed))
end
