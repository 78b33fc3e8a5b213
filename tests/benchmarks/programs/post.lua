-- Sends as many rows per request as ROWS says. The last line has the number of requests, their duration, the number of
-- failures, and the 99th percentile of the latency.
wrk.method = "POST"
wrk.body = '{"data": [' .. string.rep("[21],", tonumber(os.getenv("ROWS")) - 1) .. '[21]]}'
wrk.headers["content-type"] = "application/json"

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local figures = '{"requests": %d, "microseconds": %d, "failed": %d, "p99": %d}'
  print(string.format(figures, summary.requests, summary.duration, failed, latency:percentile(99)))
end
