---@meta loadtool
-- Type definitions of `require "loadtool"` for editors (the annotations of LuaLS).

---A length of time: seconds, or a text like "250ms", "30s", "1m30s", "2h".
---@alias loadtool.Duration number|string
---A number of bytes, or a text like "10KB", "64MiB".
---@alias loadtool.Bytes integer|string
---A status, a class like "2xx", a range like "200-204", or a list of them.
---@alias loadtool.Status integer|string|(integer|string)[]
---@alias loadtool.Scalar string|number|boolean

---@class loadtool
---@field http loadtool.http Requests.
---@field data loadtool.data Pools of rows that all users share.
---@field extract loadtool.extract The extractors, for texts that came from elsewhere.
---@field shared loadtool.shared What all users share.
---@field metrics loadtool.metrics Metrics of your own.
---@field json loadtool.json
---@field encode loadtool.encode
---@field url loadtool.url
---@field crypto loadtool.crypto
---@field jwt loadtool.jwt
---@field fake loadtool.fake People, places and words that look real; they follow from --seed.
---@field random loadtool.random Choices that follow from --seed.
---@field time loadtool.time The wall clock, for what goes into requests.
---@field log loadtool.log To the log, not to the report.
---@field vu loadtool.vu The virtual user that runs; read-only.
---@field env table<string, string> What --env gave.
---@field any loadtool.any As a JSON condition: present and not null.
local lt = {}

---What --env gave, masked from now on in all that loadtool writes.
---@param name string
---@return string? value, string? why_not
function lt.secret(name) end

---A tag on whatever this user records until the iteration ends.
---@param name string
---@param value loadtool.Scalar
function lt.tag(name, value) end

---@class loadtool.any
---@class loadtool.Matches

-- Assertions ------------------------------------------------------------------------------------

---Judged in this order, own labels last in byte order. Each one is a check of its own.
---@class loadtool.Conditions
---@field status? loadtool.Status
---@field proto? "1.0"|"1.1"
---@field header? table<string, string|true|loadtool.Matches>
---@field cookie? table<string, string|true|loadtool.Matches> Set by this response.
---@field size? { [1]: integer?, [2]: integer?, min: integer?, max: integer? } Body bytes as received.
---@field max_ms? number The whole call.
---@field body_contains? string
---@field body_matches? string A regular expression in Rust's syntax.
---@field json? table<string, any> By JSONPath: a value, a function of the value, or lt.any.
---@field schema? table|string A JSON Schema, or the name of its file.
---@field [string] boolean|fun(subject: any): any, string?

---Counts every condition, pass or fail, and stops nothing.
---@param subject any A response; any value if all conditions are labels of your own.
---@param conditions loadtool.Conditions
---@return boolean all_hold
function lt.check(subject, conditions) end

---Counts every condition; if one fails, the iteration ends as failed, category `assertion`.
---@generic T
---@param subject T
---@param conditions loadtool.Conditions
---@return T subject
function lt.expect(subject, conditions) end

---Ends the iteration as failed, category `script`.
---@param message? any
function lt.fail(message) end

---Ends the whole run.
---@param message? any
function lt.abort(message) end

---For `header` and `cookie` conditions: the value must match.
---@param regex string
---@return loadtool.Matches
function lt.matches(regex) end

---Times a block and names its requests' step; steps nest ("checkout/pay"). An error inside fails
---the step and goes on up.
---@generic R
---@param name string
---@param fn fun(...): R...
---@param ... any Arguments of fn.
---@return R ...
function lt.step(name, fn, ...) end

-- Time ------------------------------------------------------------------------------------------

---@class loadtool.Pause
---@field mean loadtool.Duration
---@field dist? "lognormal"|"exponential"|"normal" Default lognormal; the standard deviation of it and of normal is half the mean.
---@field max? loadtool.Duration

---A person's pause: in no latency.
---@param min loadtool.Duration|loadtool.Pause
---@param max? loadtool.Duration Then it is drawn evenly between the two.
function lt.think(min, max) end

---Waiting that is part of what is timed.
---@param length loadtool.Duration
function lt.sleep(length) end

---@class loadtool.Poll
---@field every? loadtool.Duration From the start of one try to the next; default "500ms".
---@field timeout? loadtool.Duration The last try starts then; default "60s".

---Calls fn until it gives a value that is not nil. Timed as `poll_duration`.
---@generic T
---@param options loadtool.Poll
---@param fn fun(): T?
---@return T? value, string? why_not
function lt.poll(options, fn) end

---Runs functions side by side, as coroutines of this user; the first error ends them all.
---@param functions (fun(): any)[]
---@return any ... The first result of each, in order.
function lt.parallel(functions) end

---@class loadtool.time
local time = {}
---@return number seconds since 1970
function time.now() end
---@return integer milliseconds since 1970
function time.unix_ms() end
---@param seconds? number Since 1970; default now.
---@return string text Like "2026-01-31T12:00:00.000Z".
function time.iso8601(seconds) end
---@return number seconds since the run began
function time.elapsed() end

-- HTTP ------------------------------------------------------------------------------------------

---@class loadtool.RequestOptions
---@field query? table<string, loadtool.Scalar|loadtool.Scalar[]>
---@field path? table<string, loadtool.Scalar> Fills {name} in the URL.
---@field headers? table<string, loadtool.Scalar|loadtool.Scalar[]>
---@field json? any At most one of json, form, multipart and body.
---@field multipart? loadtool.Part[] A form with files.
---@field form? table<string, loadtool.Scalar|loadtool.Scalar[]>
---@field body? string
---@field name? string What the report calls it; default: the URL's template.
---@field tags? table<string, loadtool.Scalar>
---@field timeout? loadtool.Duration The whole call; default "30s".
---@field connect_timeout? loadtool.Duration Default "10s".
---@field redirects? integer How many to follow; default 10.
---@field auth? { basic: string[] }|{ bearer: string }
---@field body_limit? loadtool.Bytes Default "64MiB".
---@field discard_body? boolean Read and count it, keep nothing.
---@field expect_status? loadtool.Status|fun(r: loadtool.Response): any Default 200–399.
---@field retry? loadtool.Retry|false Default none.
---@field compression? boolean Default true.

---@class loadtool.Part
---@field name string
---@field value? loadtool.Scalar This or a file.
---@field file? string In the script's folder; read while it is sent.
---@field filename? string Default: the file's own.
---@field content_type? string Default for files "application/octet-stream".

---@class loadtool.Retry
---@field times? integer Tries after the first; default 2.
---@field on? loadtool.RetryCause|loadtool.RetryCause[] Default: failures that may be repeated without harm.
---@field backoff? loadtool.Duration The first pause, which doubles; default "100ms".
---@alias loadtool.RetryCause integer|string A status, a class like "5xx", or "dns", "connect", "tls", "timeout", "reset", "protocol", "body".

---@class loadtool.http
---@field cookies loadtool.cookies
local http = {}
---@param url string
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.get(url, options) end
---@param url string
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.head(url, options) end
---@param url string
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.options(url, options) end
---@param url string
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.delete(url, options) end
---@param url string
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.post(url, options) end
---@param url string
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.put(url, options) end
---@param url string
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.patch(url, options) end
---@param method string
---@param url string
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.request(method, url, options) end
---Sends a form that `r:form` gave; its fields are the query or the body.
---@param form loadtool.Form
---@param options? loadtool.RequestOptions
---@return loadtool.Response
function http.submit(form, options) end

---@class loadtool.BatchCall: loadtool.RequestOptions
---@field [1]? string Method; or `method`.
---@field [2]? string URL; or `url`.
---@field [3]? loadtool.RequestOptions Instead of options beside it.
---@field method? string Default GET.
---@field url? string

---Sends all of them at once; their responses in order.
---@param calls (string|loadtool.BatchCall)[] A text is the URL of a GET.
---@param options? integer|{ max_parallel: integer } At once to one host; default 6.
---@return loadtool.Response[]
function http.batch(calls, options) end

---@class loadtool.CookieAttributes
---@field domain? string
---@field path? string
---@field max_age? integer Seconds.
---@field secure? boolean
---@field http_only? boolean

---The cookie jar of this user.
---@class loadtool.cookies
local cookies = {}
---@param url string
---@param name string
---@return string? value
function cookies:get(url, name) end
---@param url string
---@return table<string, string>
function cookies:all(url) end
---@param url string
---@param name string
---@param value string
---@param attributes? loadtool.CookieAttributes
function cookies:set(url, name, value, attributes) end
function cookies:clear() end

---@class loadtool.Timings Milliseconds of the last hop; 0 where a connection was reused.
---@field blocked number
---@field dns number
---@field connect number
---@field tls number
---@field send number
---@field wait number
---@field receive number

---A transport failure does not raise: status is 0, ok false, error is set.
---@class loadtool.Response
---@field status integer 0 if no head arrived.
---@field ok boolean By expect_status.
---@field error? { category: string, message: string }
---@field body string
---@field url string The last hop's.
---@field proto "1.0"|"1.1"|"" Empty if no head arrived.
---@field headers table<string, string> In any case; several values joined by ", ".
---@field cookies table<string, string> Set by this response.
---@field size integer Body bytes as received.
---@field ms number The call.
---@field timings loadtool.Timings
---@field reused boolean
---@field hops integer Redirects that were followed.
---@field request { method: string, url: string, name: string, headers: table<string, string>, body: string? } No body if it was sent in parts.
local response = {}
---The whole document, or the first match of a JSONPath; a null there is nil and "is null".
---@param path? string
---@return any value, string? why_not
function response:json(path) end
---@param path string
---@return any[] values, string? why_none
function response:json_all(path) end
---@param pattern string Rust's regular expressions.
---@param group? integer|string Default: the first group, else the whole match.
---@return string? text, string? why_not
function response:regex(pattern, group) end
---@param pattern string
---@param group? integer|string
---@return string[]
function response:regex_all(pattern, group) end
---@param name string
---@return string? value, string? why_not
function response:header(name) end
---@param name string
---@return string[]
function response:header_all(name) end
---@param name string
---@return string? value, string? why_not
function response:cookie(name) end
---The text of the first element that matches, or an attribute of the first that has it.
---@param selector string CSS.
---@param attribute? string
---@return string? text, string? why_not
function response:css(selector, attribute) end
---@param selector string
---@param attribute? string
---@return string[] texts, string? why_none
function response:css_all(selector, attribute) end
---XPath 1.0 over XML: the first node's string value, or the number, boolean or string it gives.
---@param expression string
---@param prefixes? table<string, string> Prefix to namespace; default: as the document declares.
---@return string|number|boolean? value, string? why_not
function response:xpath(expression, prefixes) end
---@param expression string
---@param prefixes? table<string, string>
---@return (string|number|boolean)[] values, string? why_none
function response:xpath_all(expression, prefixes) end
---A form as a browser would send it, to change and to `http.submit`.
---@param selector? string CSS of the form or of something in it; default: the first form.
---@param options? loadtool.FormOptions
---@return loadtool.Form? form, string? why_not
function response:form(selector, options) end
---All of them, or the iteration ends as failed, category `extract`.
---@param wanted table<string, string|{ json: string }|{ regex: string, group: integer|string? }|{ css: string, attr: string? }|{ xpath: string, prefixes: table<string, string>? }|{ header: string }|{ cookie: string }>
---@return table<string, any>
function response:extract(wanted) end

---@class loadtool.FormOptions
---@field button? string CSS of the submit button that is pressed; default: none.

---@class loadtool.Form
---@field action string
---@field method "GET"|"POST"
---@field enctype string
---@field fields table<string, loadtool.Scalar|loadtool.Scalar[]>

---The extractors as plain functions, for texts that came from elsewhere.
---@class loadtool.extract
local extract = {}
---@param text string
---@param path? string
---@return any value, string? why_not
function extract.json(text, path) end
---@param text string
---@param path string
---@return any[] values, string? why_none
function extract.json_all(text, path) end
---@param text string
---@param pattern string
---@param group? integer|string
---@return string? text, string? why_not
function extract.regex(text, pattern, group) end
---@param text string
---@param pattern string
---@param group? integer|string
---@return string[]
function extract.regex_all(text, pattern, group) end
---@param html string
---@param selector string
---@param attribute? string
---@return string? text, string? why_not
function extract.css(html, selector, attribute) end
---@param html string
---@param selector string
---@param attribute? string
---@return string[] texts, string? why_none
function extract.css_all(html, selector, attribute) end
---@param xml string
---@param expression string
---@param prefixes? table<string, string>
---@return string|number|boolean? value, string? why_not
function extract.xpath(xml, expression, prefixes) end
---@param xml string
---@param expression string
---@param prefixes? table<string, string>
---@return (string|number|boolean)[] values, string? why_none
function extract.xpath_all(xml, expression, prefixes) end
---@param html string
---@param selector? string
---@param url? string The page's own; default: the action stays as written.
---@param options? loadtool.FormOptions
---@return loadtool.Form? form, string? why_not
function extract.form(html, selector, url, options) end

-- Data ------------------------------------------------------------------------------------------

---@class loadtool.PoolOptions
---@field pick? "sequential"|"random"|"shuffle"|"unique"|"per_vu"|"lease"
---@field at_end? "recycle"|"stop_vu"|"stop_scenario"|"error"
---@field name? string Tells pools of the same rows and options apart.

---@class loadtool.CsvOptions: loadtool.PoolOptions
---@field header? boolean|string[]
---@field delimiter? string
---@field quote? string|false
---@field comment? string|false
---@field trim? boolean
---@field types? table<string, "string"|"integer"|"number"|"boolean">

---@class loadtool.JsonOptions: loadtool.PoolOptions
---@field path? string JSONPath of the array of rows; else it is the whole document.

---@class loadtool.data
local data = {}
---At top level only; the same file, options and name are the same pool.
---@param file string Relative to the calling file.
---@param options? loadtool.CsvOptions
---@return loadtool.Pool
function data.csv(file, options) end
---An array of objects in a JSON file.
---@param file string Relative to the calling file.
---@param options? loadtool.JsonOptions
---@return loadtool.Pool
function data.json(file, options) end
---A file with a JSON object on each line.
---@param file string Relative to the calling file.
---@param options? loadtool.PoolOptions
---@return loadtool.Pool
function data.ndjson(file, options) end
---Rows that the script itself has; equal lists with equal options and name are the same pool.
---@param list table<string, any>[]
---@param options? loadtool.PoolOptions
---@return loadtool.Pool
function data.rows(list, options) end

---@class loadtool.Pool
---@operator len: integer
local pool = {}
---Waits for a free row if the pool picks by lease; else it is there at once.
---@return table<string, any> row
function pool:next() end
---@param index integer From 1.
---@return table<string, any>? row
function pool:get(index) end

-- Own metrics -----------------------------------------------------------------------------------

---Metrics of your own: in the report, in thresholds, in the JSON summary. To be named at top level.
---@class loadtool.metrics
local metrics = {}

---A sum of whole numbers.
---@param name string Letters, digits and _.
---@return loadtool.Metric
function metrics.counter(name) end

---The latest value, whoever set it.
---@param name string
---@return loadtool.Metric
function metrics.gauge(name) end

---How many of all were so.
---@param name string
---@return loadtool.Metric
function metrics.rate(name) end

---@class loadtool.HistogramOptions
---@field unit? "ms"|"s"|"us"|"bytes"|"B"|"%" Default: plain numbers.

---A distribution of numbers from 0.
---@param name string
---@param options? loadtool.HistogramOptions
---@return loadtool.Metric
function metrics.histogram(name, options) end

---A distribution of times.
---@param name string
---@return loadtool.Timer
function metrics.timer(name) end

---@class loadtool.Metric
local metric = {}
---@param value number|boolean A boolean is for rates.
---@param tags? table<string, loadtool.Scalar>
function metric:add(value, tags) end

---@class loadtool.Timer
local timer = {}
---Runs a function and takes the time, less lt.think; of one that fails it is kept apart.
---@generic T
---@param fn fun(...): T
---@param ... any
---@return T
function timer:time(fn, ...) end

-- Sharing ---------------------------------------------------------------------------------------

---What all users on all threads share. Values are data as JSON has it, and are copied.
---@class loadtool.shared
local shared = {}

---A whole number, from 0.
---@param name string
---@return loadtool.Counter
function shared.counter(name) end

---@class loadtool.QueueOptions
---@field max? integer How many values it holds; default 1000.

---First in, first out.
---@param name string
---@param options? loadtool.QueueOptions
---@return loadtool.Queue
function shared.queue(name, options) end

---@param name string
---@return loadtool.Map
function shared.map(name) end

---@class loadtool.OnceOptions
---@field ttl? loadtool.Duration After it the value is computed anew.

---The value that one user computes while the others wait for it.
---@generic T
---@param key string|integer
---@param fn fun(): T
---@param options? loadtool.OnceOptions
---@return T
function shared.once(key, fn, options) end

---A gate that opens when n users wait at it.
---@param name string
---@param n integer
---@return loadtool.Barrier
function shared.barrier(name, n) end

---Lets users through at a rate.
---@param name string
---@param rate string Like "50/s" or "30/m".
---@return loadtool.Limiter
function shared.limiter(name, rate) end

---@class loadtool.Counter
local counter = {}
---@param n integer
---@return integer value The new one, which no other call gave.
function counter:add(n) end
---@return integer
function counter:get() end

---@class loadtool.Queue
---@operator len: integer
local queue = {}
---Waits while the queue is full.
---@param value any
---@return true? pushed
---@return "stopping"? why
function queue:push(value) end
---Waits for a value.
---@param timeout? loadtool.Duration
---@return any value
---@return "stopping"|"timeout"|nil why
function queue:pop(timeout) end

---@class loadtool.Map
local map = {}
---@param key string|integer
---@return any
function map:get(key) end
---@param key string|integer
---@param value any nil deletes.
function map:set(key, value) end
---Sets what fn makes of the value, and gives it; no change by another user is lost.
---@generic T
---@param key string|integer
---@param fn fun(value: any): T Must not wait; may be run more than once.
---@return T
function map:update(key, fn) end

---@class loadtool.Barrier
local barrier = {}
---@return true? complete
---@return "stopping"? why
function barrier:wait() end

---@class loadtool.Limiter
local limiter = {}
---@return true
function limiter:wait() end

-- Values ----------------------------------------------------------------------------------------

---@class loadtool.json
---@field null lightuserdata
local json = {}
---@param value any
---@return string
function json.encode(value) end
---@param text string
---@return any value, string? why_not
function json.decode(text) end
---Marks a list as an array, so that it is written as one when it is empty.
---@param list? any[]
---@return any[] list
function json.array(list) end

---@class loadtool.encode
local encode = {}
---@param bytes string
---@return string
function encode.base64(bytes) end
---@param text string
---@return string? bytes, string? why_not
function encode.base64_decode(text) end
---@param bytes string
---@return string
function encode.base64url(bytes) end
---@param text string
---@return string? bytes, string? why_not
function encode.base64url_decode(text) end
---@param bytes string
---@return string
function encode.hex(bytes) end
---@param text string
---@return string? bytes, string? why_not
function encode.hex_decode(text) end
---@param text string
---@return string
function encode.url(text) end
---@param text string
---@return string? bytes, string? why_not
function encode.url_decode(text) end
---@param fields table<string, loadtool.Scalar|loadtool.Scalar[]>
---@return string
function encode.form(fields) end
---@param text string
---@return table<string, string|string[]> fields A name that stands there several times has a list.
function encode.form_decode(text) end

---What a URL is made of; of one that begins with its path, the last four.
---@class loadtool.Url
---@field scheme? string
---@field host? string
---@field port? integer The scheme's own if the URL names none.
---@field user? string
---@field password? string
---@field origin? string
---@field path string
---@field query? string
---@field fragment? string
---@field params table<string, string|string[]> The query, decoded.

---@class loadtool.url
local url = {}
---@param url string Absolute, or beginning with "/".
---@return loadtool.Url? parts, string? why_not
function url.parse(url) end
---@param base string Absolute.
---@param url string
---@return string? url, string? why_not
function url.join(base, url) end
---@param fields table<string, loadtool.Scalar|loadtool.Scalar[]>
---@return string
function url.query(fields) end
---@param text string
---@return table<string, string|string[]> fields
function url.parse_query(text) end

---@alias loadtool.Form "hex"|"base64"|"base64url"|"raw" Default hex.

---@class loadtool.crypto
local crypto = {}
---@param text string
---@param form? loadtool.Form
---@return string
function crypto.md5(text, form) end
---@param text string
---@param form? loadtool.Form
---@return string
function crypto.sha1(text, form) end
---@param text string
---@param form? loadtool.Form
---@return string
function crypto.sha256(text, form) end
---@param text string
---@param form? loadtool.Form
---@return string
function crypto.sha384(text, form) end
---@param text string
---@param form? loadtool.Form
---@return string
function crypto.sha512(text, form) end
---@param algorithm "sha1"|"sha256"|"sha384"|"sha512"
---@param key string
---@param text string
---@param form? loadtool.Form
---@return string
function crypto.hmac(algorithm, key, text, form) end
---From the system's generator, whatever the seed.
---@param n integer
---@param form? loadtool.Form
---@return string
function crypto.random_bytes(n, form) end

---@alias loadtool.JwtAlgorithm "HS256"|"HS384"|"HS512"|"RS256"|"RS384"|"RS512"|"PS256"|"PS384"|"PS512"|"ES256"|"ES384"|"EdDSA"
---@alias loadtool.Key string|{ file: string } A secret or a PEM text, or a file with one, relative to the calling file.

---@class loadtool.JwtSigning
---@field alg? loadtool.JwtAlgorithm Default HS256; a PEM key needs it said.
---@field kid? string
---@field expires_in? loadtool.Duration Sets `exp`, and `iat` if it is not there.
---@field headers? table<string, any>

---@class loadtool.JwtChecks
---@field alg? loadtool.JwtAlgorithm It must be this one.
---@field check_time? boolean Whether `exp` and `nbf` must hold; default true.

---@class loadtool.jwt
local jwt = {}
---@param claims table<string, any>
---@param key loadtool.Key
---@param options? loadtool.JwtSigning
---@return string token
function jwt.sign(claims, key, options) end
---Without a key nothing is verified.
---@param token string
---@param key? loadtool.Key
---@param options? loadtool.JwtChecks
---@return table? claims, table|string header_or_why_not
function jwt.decode(token, key, options) end

---@class loadtool.random
local random = {}
---@param a integer
---@param b integer
---@return integer in_a_to_b
function random.int(a, b) end
---@param a? number
---@param b? number
---@return number in_a_to_b Without arguments from 0 to 1.
function random.float(a, b) end
---@generic T
---@param list T[]
---@return T? item, string? why_not
function random.pick(list) end
---@generic T
---@param weights table<T, number>
---@return T
function random.weighted(weights) end
---@param length integer
---@param alphabet? string
---@return string
function random.string(length, alphabet) end
---@return string
function random.uuid() end
---A copy in random order.
---@generic T
---@param list T[]
---@return T[]
function random.shuffle(list) end
---@param mean? number
---@param deviation? number
---@return number
function random.normal(mean, deviation) end
---@param mean? number
---@return number
function random.exponential(mean) end

---@class loadtool.FakeOptions
---@field locale? "ar_sa"|"cy_gb"|"de_de"|"en"|"fa_ir"|"fr_fr"|"it_it"|"ja_jp"|"nl_nl"|"pt_br"|"pt_pt"|"tr_tr"|"zh_cn"|"zh_tw" Default "en".

---@class loadtool.fake
local fake = {}
---@param options? loadtool.FakeOptions
---@return string
function fake.city(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.company(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.country(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.country_code(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.credit_card(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.currency(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.domain(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.email(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.first_name(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.ipv4(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.ipv6(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.job(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.last_name(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.latitude(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.longitude(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.mac(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.name(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.password(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.phone(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.postcode(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.state(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.street(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.user_agent(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.user_name(options) end
---@param options? loadtool.FakeOptions
---@return string
function fake.word(options) end
---@param n? integer Default 3.
---@param options? loadtool.FakeOptions
---@return string
function fake.words(n, options) end
---@param n? integer Words; default 5 to 11.
---@param options? loadtool.FakeOptions
---@return string
function fake.sentence(n, options) end
---@param n? integer Sentences; default 3 to 6.
---@param options? loadtool.FakeOptions
---@return string
function fake.paragraph(n, options) end

---@class loadtool.log
local log = {}
---@param ... any
function log.debug(...) end
---@param ... any
function log.info(...) end
---@param ... any
function log.warn(...) end
---@param ... any
function log.error(...) end

---@class loadtool.vu
---@field id integer From 1, in the run.
---@field number integer From 1, in the scenario.
---@field iteration integer From 0.
---@field scenario string
---@field variant string? Which target it is for, of `--ab`.
---@field agent integer
---@field stopping boolean Whether the run is about to end.
---@field vars table This user's own memory.

-- The definition --------------------------------------------------------------------------------

---Defaults of every request; a request's own options win over a scenario's, these over the
---definition's.
---@class loadtool.HttpDefaults
---@field headers? table<string, loadtool.Scalar|loadtool.Scalar[]>
---@field auth? { basic: string[] }|{ bearer: string }
---@field user_agent? string
---@field timeout? loadtool.Duration The whole call; default "30s".
---@field connect_timeout? loadtool.Duration Default "10s".
---@field redirects? integer How many to follow; default 10.
---@field body_limit? loadtool.Bytes Default "64MiB".
---@field discard_body? boolean Read and count it, keep nothing.
---@field expect_status? loadtool.Status Default 200–399.
---@field compression? boolean Default true.
---@field version? "auto"|"1.1"|"2"|"h2c" Default "auto": as the server likes best.
---@field tls? loadtool.Tls
---@field proxy? string http://, socks5:// or socks5h://, with user:password@ if need be.
---@field resolve? table<string, string|string[]> Addresses of names, or of name:port.
---@field dns? { ttl: loadtool.Duration?, pick: ("first"|"round_robin")? } Default "60s", "first".
---@field local_addresses? string|string[] Addresses, ranges a-b, networks a/n; users take them in turn.

---PEM files, beside the script.
---@class loadtool.Tls
---@field insecure? boolean Trust any certificate.
---@field ca? string Certificates to trust besides the system's.
---@field cert? string Our own, for servers that ask for one.
---@field key? string Its key, unless it is in the same file.
---@field sni? boolean Whether the server is told its name; default true.

---The kind follows from the fields: duration, rate, stages, iterations or iterations_per_vu.
---@class loadtool.Load
---@field kind? "constant_vus"|"ramping_vus"|"per_vu_iterations"|"shared_iterations"|"constant_rate"|"ramping_rate"
---@field vus? integer|string Default 1; of a rate, those made before the run.
---@field rate? number|string Iterations that start within `per`: 50, "10k", "500/s".
---@field per? loadtool.Duration What rates are per; default "1s".
---@field start_rate? number|string Of a ramp of rates; default 0.
---@field max_vus? integer|string Of a rate: most users that may be made on demand.
---@field arrivals? "even"|"poisson" Default "even".
---@field late? "queue"|"drop" What becomes of an arrival without a free user; default "queue".
---@field queue_limit? integer|string Default 60 seconds of the peak rate.
---@field late_after? loadtool.Duration Default "10ms".
---@field max_iterations? integer|string Arrivals beyond these are not planned.
---@field duration? loadtool.Duration
---@field stages? loadtool.Stage[]
---@field start_vus? integer|string Of a ramp; default 1.
---@field graceful_ramp_down? loadtool.Duration Default "30s".
---@field iterations? integer|string All users together.
---@field iterations_per_vu? integer|string
---@field max_duration? loadtool.Duration Default "10m".
---@field graceful_stop? loadtool.Duration How long iterations under way may finish; default "30s".

---A duration, and the users, or the rate, at its end; "0s" is a jump.
---@class loadtool.Stage
---@field [1] loadtool.Duration
---@field [2] number|string
---@field name? string

---@class loadtool.Threshold
---@field [1] string The condition, as "p95 < 200ms"; more may follow.
---@field abort? boolean End the run as soon as it is crossed.
---@field after? loadtool.Duration Not before the run is so old; with abort or window.
---@field each? boolean Judge every series by itself.
---@field min_samples? integer Fewer say nothing.
---@field optional? boolean No sample is no failure.
---@field window? loadtool.Duration Slides over the load and is judged each second.

---@class loadtool.Definition
---@field name? string In reports; default the file's name.
---@field base_url? string Goes before URLs that begin with "/".
---@field scenarios table<string, loadtool.Scenario>
---@field thresholds? table<string, string|(string|loadtool.Threshold)[]|loadtool.Threshold> By series; {} judges nothing.
---@field search? loadtool.Search How `loadtool limit` searches.
---@field http? loadtool.HttpDefaults
---@field setup? fun(): any Once before the load; its value is the ctx of the others.
---@field teardown? fun(ctx: any)
---@field summary? fun(s: table): table<string, string>? Gets the summary; the files that it returns are written.
---@field setup_timeout? loadtool.Duration Default "60s".
---@field script_cpu_limit? loadtool.Duration What a user may compute between two waits; default "1s".
---@field script_memory_limit? loadtool.Bytes Lua memory of one thread; default "256MiB".
---@field tags? table<string, loadtool.Scalar>

---What `loadtool limit` does unless its flags say otherwise.
---@class loadtool.Search
---@field axis? "rate"|"users" What a level counts; default iterations started per second.
---@field scenario? string Which one is steered; default all, in proportion to their loads.
---@field from? number|string The first level; default 10.
---@field to? number|string The highest that may be tried.
---@field steps? (number|string)[] Try these instead, ascending.
---@field run_all? boolean Try all of them, even after one that does not hold.
---@field precision? string|number Width of the answer; default "5%".
---@field tolerance? string|number How much less than a rate may be achieved; default "5%".
---@field slo? table<string, string|(string|table)[]|table> What must hold, as in thresholds.
---@field warmup? loadtool.Duration Default "10s".
---@field hold? loadtool.Duration Default "30s".
---@field cooldown? loadtool.Duration Default "5s".
---@field max_time? loadtool.Duration
---@field max_vus? integer

---@class loadtool.Scenario
---@field run? fun(ctx: any) One iteration.
---@field mix? { weight: number?, name: string?, run: fun(ctx: any) }[] One is drawn for each iteration.
---@field load? loadtool.Load Default one user, one iteration.
---@field on_start? fun(ctx: any) Once per user.
---@field on_stop? fun(ctx: any)
---@field start_after? loadtool.Duration
---@field after? string The scenario whose end it waits for.
---@field warmup? loadtool.Duration Left out of the numbers.
---@field pace? loadtool.Duration From start to start of a user's iterations.
---@field spread? loadtool.Duration Over which the users' first starts are spread; default pace.
---@field session? "keep"|"fresh"
---@field connections? "keep"|"fresh"|"shared"
---@field tags? table<string, loadtool.Scalar>
---@field http? loadtool.HttpDefaults

---What pcall catches of an iteration's failure.
---@class loadtool.Failure
---@field category string "assertion", "extract" or "script".
---@field message string
---@field step string "" outside steps.
---@field file? string
---@field line? integer

return lt
