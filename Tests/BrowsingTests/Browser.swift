import Base
import Foundation
import Glibc
import JSON
import SystemPackage
import TestKit

/// Chromium without a window, driven through its pipe for developers: real layout, real keys, real players.
final class Browser {
    private let process = Process()
    private let folder: TemporaryFolder
    private let input: Int32
    private let output: Int32
    private var received: [UInt8] = []
    private var number = 0
    private var session: String?
    /// What the page wrote into its console, and errors of scripts and of the content policy.
    private(set) var complaints: [String] = []

    /// Installed by `make setup`, where it can be had.
    static let program: FilePath = "/usr/bin/chromium"
    static let isInstalled = Files.exists(program)

    init() throws {
        folder = try TemporaryFolder()
        let pipes = [folder("in"), folder("out")]
        for pipe in pipes { guard mkfifo(pipe.string, 0o600) == 0 else { throw SystemError.last("make", pipe) } }
        // Both ends of both, so that nobody waits for the other to open.
        input = open(pipes[0].string, O_RDWR)
        output = open(pipes[1].string, O_RDWR)
        guard input >= 0, output >= 0 else { throw SystemError.last("open", pipes[0]) }
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            "exec \"$1\" --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --mute-audio --no-first-run "
                + "--autoplay-policy=no-user-gesture-required --window-size=1400,900 --remote-debugging-pipe "
                + "--user-data-dir=\"$2/profile\" about:blank 3<\"$2/in\" 4>\"$2/out\"",
            "sh", Self.program.string, folder.path.string,
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        let targets = try send("Target.getTargets")["targetInfos"]?.array ?? []
        guard let page = targets.first(where: { $0["type"] == "page" })?["targetId"] else {
            throw Failure(.bug, "the browser has no page")
        }
        session = try send("Target.attachToTarget", ["targetId": page, "flatten": true])["sessionId"]?.string
        for domain in ["Page", "Runtime", "Log", "Accessibility"] { try send("\(domain).enable") }
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        close(input)
        close(output)
    }

    /// Sends a command and waits for its result.
    @discardableResult
    func send(_ method: String, _ parameters: JSONObject = [:]) throws -> JSONValue {
        number += 1
        var message: JSONObject = ["id": JSONValue(number), "method": .string(method), "params": .object(parameters)]
        if let session { message["sessionId"] = .string(session) }
        var text: [UInt8] = []
        JSONValue.object(message).appendLine(to: &text)
        text.append(0)
        var sent = 0
        while sent < text.count {
            let count = text.withUnsafeBytes { write(input, $0.baseAddress! + sent, $0.count - sent) }
            guard count > 0 else { throw SystemError.last("write", "the browser's pipe") }
            sent += count
        }
        while true {
            let answer = try next()
            if answer["id"] == JSONValue(number) {
                if let error = answer["error"] { throw Failure(.bug, "\(method): \(error.pretty())") }
                return answer["result"] ?? .null
            }
            note(answer)
        }
    }

    private func next() throws -> JSONValue {
        while true {
            if let end = received.firstIndex(of: 0) {
                let message = Array(received[..<end])
                received.removeFirst(end + 1)
                return try JSONValue.parse(message, path: "the browser")
            }
            var wait = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            // Only a browser that hangs or is gone is silent for so long.
            guard poll(&wait, 1, 120_000) == 1, process.isRunning else { throw Failure(.bug, "the browser is silent") }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(output, &buffer, buffer.count)
            guard count > 0 else { throw SystemError.last("read", "the browser's pipe") }
            received += buffer[..<count]
        }
    }

    private func note(_ event: JSONValue) {
        switch event["method"]?.string {
        case "Runtime.exceptionThrown": complaints.append(event["params"]?["exceptionDetails"]?.pretty() ?? "?")
        case "Log.entryAdded":
            if let entry = event["params"]?["entry"], entry["level"] == "error" { complaints.append(entry.pretty()) }
        case "Runtime.consoleAPICalled": complaints.append(event["params"]?.pretty() ?? "?")
        default: break
        }
    }

    /// The value of an expression in the page; a promise is waited for.
    @discardableResult
    func evaluate(_ expression: String) throws -> JSONValue {
        let result = try send(
            "Runtime.evaluate", ["expression": .string(expression), "awaitPromise": true, "returnByValue": true])
        if let details = result["exceptionDetails"] {
            throw Failure(.bug, "\(expression): \(details["exception"]?["description"]?.string ?? details.pretty())")
        }
        return result["result"]?["value"] ?? .null
    }

    /// Waits until an expression is true in the page.
    func wait(until condition: String) throws {
        var isMet = false
        // Asked again and again, since a page that is left takes its promises with it; for minutes, since what answers the page
        // shares its threads with the other tests, some of which hold them as long.
        for _ in 0..<15_000 where !isMet {
            isMet = (try? evaluate("Boolean(\(condition))")) == true
            if !isMet { usleep(20_000) }
        }
        guard isMet else {
            let page = try evaluate(
                "location.hash + ' ' + document.documentElement.dataset.state + ' ' + document.querySelector('main').innerText.slice(0, 400)"
            )
            throw Failure(.bug, "never became true: \(condition) (\(page.string ?? ""))")
        }
    }

    static let isReady = "document.documentElement.dataset.state === 'ready'"

    /// Loads an address and waits until the page has all of it.
    func visit(_ address: String) throws {
        try send("Page.navigate", ["url": .string("about:blank")])
        try wait(until: "location.href === 'about:blank' && document.readyState === 'complete'")
        try send("Page.navigate", ["url": .string(address)])
        try wait(until: "location.href !== 'about:blank' && " + Self.isReady)
    }

    /// Presses a key as a person does.
    func press(_ key: String) throws {
        var parameters: JSONObject = ["type": "keyDown", "key": .string(key)]
        if key.count == 1 { parameters["text"] = .string(key) }
        let codes = ["Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38]
        if let code = codes[key] {
            parameters["windowsVirtualKeyCode"] = JSONValue(code)
            parameters["code"] = .string(key)
        }
        if key == "Enter" { parameters["text"] = "\r" }
        try send("Input.dispatchKeyEvent", parameters)
        parameters["type"] = "keyUp"
        parameters["text"] = nil
        try send("Input.dispatchKeyEvent", parameters)
    }

    func type(_ text: String) throws { for character in text { try press(String(character)) } }
}
