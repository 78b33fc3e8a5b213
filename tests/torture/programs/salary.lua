-- Sends one row per request, repeatedly. The last line has the number of responses, of wrong responses, and of requests
-- without a response.
local client

wrk.method = "POST"
wrk.body = '{"data": [[21]]}'
wrk.headers["content-type"] = "application/json"

function setup(thread)
  client = thread
end

function init()
  wrong = 0
end

function response(status, _, body)
  if status ~= 200 or not body:find("^%[141760%.569105") then
    wrong = wrong + 1
  end
end

function done(summary)
  local errors = summary.errors
  local unanswered = errors.connect + errors.read + errors.write + errors.timeout
  local report = '{"answered": %d, "wrong": %d, "unanswered": %d}'
  print(string.format(report, summary.requests, client:get("wrong"), unanswered))
end
