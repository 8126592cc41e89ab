import Base
import JSON
import Templates
import Testing

@Suite struct TemplateTests {
    private func render(_ source: String, _ variables: JSONObject = [:]) throws -> String {
        try ChatTemplate(source, name: "t").render(messages: [["role": "user", "content": "hi"]], variables: variables)
    }

    private func reason(_ source: String, _ variables: JSONObject = [:]) -> String? {
        do {
            _ = try render(source, variables)
            return nil
        } catch let error as InputError {
            #expect(error.exitStatus == .badConfiguration)
            return error.description
        } catch {
            return "not an InputError: \(error)"
        }
    }

    /// What only shows where a template is parsed; each is refused though it stands in a branch that is never taken.
    @Test(arguments: [
        ("{% if false %}\n{{ x|urlize }}{% endif %}", "the filter \"urlize\""),
        ("{% if false %}\n{{ x is sameas none }}{% endif %}", "the test \"sameas\""),
        ("{% if false %}\n{{ x.append(1) }}{% endif %}", "the method \"append\""),
        ("{% if false %}\n{{ cycler('a') }}{% endif %}", "\"cycler\""),
        ("{% if false %}\n{{ open('/etc/passwd') }}{% endif %}", "the function \"open\""),
        ("{% if false %}\n{{ x.__class__ }}{% endif %}", "\"__class__\""),
        ("{% if false %}\n{% include 'x' %}{% endif %}", "{% include %}"),
        ("{% if false %}\n{% for x in y recursive %}{% endfor %}{% endif %}", "recursive"),
        ("{% if false %}\n{{ f(*x) }}{% endif %}", "(*, **)"),
        ("{% if false %}\n{{ x|trim(1, 2) }}{% endif %}", "at most 1"),
        ("{% if false %}\n{{ x|selectattr('a', 'magic') }}{% endif %}", "the test \"magic\""),
        ("{% if false %}\n{{ x|map('escape') }}{% endif %}", "the filter \"escape\""),
        ("{% if false %}\n{% break %}{% endif %}", "outside of a loop"),
        ("{% if false %}\n{{ 99999999999999999999 }}{% endif %}", "64 bits"),
        ("{% if false %}\n{{ '\\N{DASH}' }}{% endif %}", "\\N"),
        ("{% macro m() %}\n{{ caller }}{% endmacro %}", "\"caller\""),
        ("{% macro m() %}\n{{ m()() }}{% endmacro %}", "can be called"),
        ("\n{{ 1 +", "no end"), ("\n{% if x %}", "{% endif %} is missing"), ("\n{{ (1] }}", "bracket"),
        ("\n{% set loop = 1 %}", "\"loop\""), ("\n{{ é }}", "character"), ("\n{% endif %}", "{% endif %}"),
    ]) func refusalsNameTheLine(source: String, part: String) {
        let reason = reason(source)
        #expect(reason?.hasPrefix("t:2: ") == true && reason?.contains(part) == true, "\(reason ?? "nothing")")
    }

    /// What depends on values.
    @Test(arguments: [
        ("\n{{ missing.x }}", "\"missing\" is undefined"), ("\n{{ missing + 1 }}", "\"missing\" is undefined"),
        ("\n{{ 'a' + 1 }}", "str and int"), ("\n{{ 1 / 0 }}", "zero"),
        ("\n{{ messages[0].role.content.x }}", "\"content\""),
        ("\n{{ raise_exception('no ' ~ 1) }}", "refuses this: \"no 1\""), ("\n{{ strftime_now('%Y') }}", "clock"),
        ("\n{{ namespace }}", "cannot be printed"), ("\n{{ messages.copy }}", "cannot be printed"),
        ("\n{{ ('<'|safe) + '>' }}", "str"), ("\n{{ ('<'|safe)|upper }}", "marked safe"),
        ("\n{% for a, b in [1] %}{% endfor %}", "no items"), ("\n{% set x.y = 1 %}", "no namespace"),
        ("\n{{ 9223372036854775807 + 1 }}", "64 bits"), ("\n{{ '%s' % 1 }}", "formatting"),
        ("\n{{ namespace(_a=1) }}", "begins with \"_\""), ("\n{{ 'x'['__class__'] }}", "reach"),
    ]) func errorsNameTheLine(source: String, part: String) {
        let reason = reason(source)
        #expect(reason?.hasPrefix("t:2: ") == true && reason?.contains(part) == true, "\(reason ?? "nothing")")
    }

    /// None may take long, fill the memory or overflow the stack.
    @Test(arguments: [
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% set n = namespace(x='ab') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x=[]) %}{% for i in range(99999) %}{% set n.x = [n.x] %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x == n.x }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x|tojson }}",
        "{% set n = namespace() %}{% for i in range(99999) %}{% set n.x = {'x': n.x} %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'x' * 1000 }}{% endfor %}", "{{ 'x' * 99999999999 }}", "{{ [1] * 99999999 }}",
        "{{ range(100001) }}", "{{ ('x' * 999999).replace('', 'y' * 999999) }}",
        "{{ ('y' * 999999).join('x' * 999999) }}",
        "{% set b = ('a' * 999999) ~ 'b' %}{% for i in range(9999) %}{{ b in 'a' * 9999999 }}{% endfor %}",
        "{{ ('\n' * 99999)|indent(1000) }}", "{{ 2 ** 99999999 }}",
    ]) func hostileTemplatesEndWithAnError(source: String) {
        let reason = reason(source)
        #expect(reason?.contains("more than") == true || reason?.contains("64 bits") == true, "\(reason ?? "nothing")")
    }

    /// Each is repeated within the others, or behind them.
    @Test(arguments: [
        ("{{ ", "(", "1", ")", " }}"), ("{{ ", "[", "", "]", " }}"), ("{{ ", "not ", "1", "", " }}"),
        ("{{ ", "-", "1", "", " }}"), ("{{ ", "1 + ", "1", "", " }}"), ("{{ ", "1 ~ ", "1", "", " }}"),
        ("{{ ", "", "x", ".x", " }}"), ("{{ ", "", "x", "|trim", " }}"), ("{{ ", "", "x", " if 1", " }}"),
        ("{{ ", "", "x", "[0]", " }}"), ("{{ ", "1 < ", "x", "", " }}"), ("", "{% if 1 %}", "", "{% endif %}", ""),
        ("", "{% for x in y %}", "", "{% endfor %}", ""),
    ]) func deepTemplatesAreRefused(begin: String, before: String, inner: String, after: String, end: String) {
        let count = 20_000
        let row = String(repeating: before, count: count) + inner + String(repeating: after, count: count)
        let reason = reason(begin + row + end)
        #expect(reason?.contains("more than") == true, "\(reason ?? "nothing")")
    }

    /// A namespace and a macro that hold themselves are let go of.
    @Test func cyclesEnd() throws {
        let source =
            "{% set n = namespace() %}{% set n.n = n %}{% macro m() %}x{% endmacro %}{% set n.m = [n, m] %}{{ m() }}"
        #expect(try render(source) == "x")
    }

    @Test func conversationsAreChecked() throws {
        let template = try ChatTemplate("{{ messages[0].content }}", name: "t")
        for messages: JSONValue in [
            [], nil, "x", ["x"], [[:]], [["role": 1]], [["role": "user", "content": 1]],
            [["role": "user", "content": ["x"]]],
        ] {
            #expect(throws: InputError.self) { try template.render(messages: messages) }
        }
        for variable in ["messages", "add_generation_prompt", "range"] {
            #expect(throws: InputError.self) {
                try template.render(messages: [["role": "user", "content": "x"]], variables: [variable: true])
            }
        }
    }

    @Test func readNamesAreKnown() throws {
        let template = try ChatTemplate("{% if enable_thinking is defined %}{{ a.b }}{% endif %}", name: "t")
        #expect(template.reads("enable_thinking") && template.reads("a") && !template.reads("b"))
    }

    @Test func errorsInFieldsNameTheFieldAndTheTemplatesLine() throws {
        let error = #expect(throws: InputError.self) {
            try ChatTemplate("\n\n{% do x %}", name: "tokenizer_config.json", field: "chat_template")
        }
        #expect(
            error?.description.hasPrefix(
                "tokenizer_config.json, field \"chat_template\": line 3 of the template: the tag {% do %}") == true)
    }
}
