-- http.submit: sends a form that r:form gave.
local lt, h, k = ...
local value = k.value

function lt.http.submit(form, options)
  local method, url, all = value(h.form_request(form, options))
  return lt.http.request(method, url, all)
end
