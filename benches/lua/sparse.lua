-- Many users, each with little to do: a request every ten seconds, spread evenly.
local lt = require "loadtool"

return {
  scenarios = {
    sparse = { run = function() lt.http.get "/tiny" end, pace = "10s", spread = "10s", connections = "keep" },
  },
}
