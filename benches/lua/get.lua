-- One small GET with a check; .ci/package trains by it.
local lt = require "loadtool"
return function()
  local r = lt.http.get "/health"
  lt.check(r, { status = 200 })
end
