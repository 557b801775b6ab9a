-- One request per iteration: what `loadtool limit` is tried on where the limit is known.
local lt = require "loadtool"

return {
  scenarios = {
    get = {
      load = { rate = 10, duration = "1m" },
      run = function() lt.http.get "/products" end, -- nginx serves any path, the demo this one
    },
  },
}
