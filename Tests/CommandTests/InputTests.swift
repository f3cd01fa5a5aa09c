import Foundation
import TestSupport
import Testing

extension Commands {
    /// Numbers and paths that nobody means: a sentence, and nothing is changed.
    @Suite struct Inputs {
        @Test(arguments: ["connectTimeout", "idleTimeout"])
        func timesHaveAnEnd(_ key: String) throws {
            for time in ["1000000000h", "8761h", "525601m"] {
                let file = try Workspace.write("weir.yaml", "proxy: {\(key): \(time)}\nworkloads: []\n")
                expect(
                    try Weir.run(["config", "validate", file]), 1,
                    "\(file):1: proxy.\(key): \"\(time)\" is longer than a year; write a duration from 1ms to 8760h")
                let result = try Weir.run(["agent", "--config", file])
                #expect(result.status == 2 && result.errors.contains("is longer than a year"))
            }
            let file = try Workspace.write("weir.yaml", "proxy: {\(key): 8760h}\nworkloads: []\n")
            #expect(try Weir.run(["config", "validate", file]).status == 0)
            #expect(try Weir.run(["config", "show", file]).output.contains("\(key): 8760h"))
        }

        @Test(arguments: [
            (["--idle-timeout", "1000000000h"], "is longer than a year"),
            (["--connect-timeout", "1000000000h"], "is longer than a year"),
            (["--max-connections", "0"], "--max-connections takes a number from 1 to 1000000, and not 0"),
            (["--max-connections=-1"], "--max-connections takes a number from 1 to 1000000, and not -1"),
            (["--max-connections", "9223372036854775807"], "--max-connections takes a number from 1 to 1000000"),
            (["--threads", "0"], "--threads takes a number from 1 to 1024, and not 0"),
            (["--threads", "1000000000"], "--threads takes a number from 1 to 1024"),
        ])
        func optionsOfTheProxy(_ arguments: [String], _ sentence: String) throws {
            let result = try Weir.run(["proxy", "--listen", "127.0.0.1:1"] + arguments)
            #expect(result.status == 64 && result.errors.contains(sentence), "\(result.errors)")
        }

        /// A year is not too long for the proxy's clocks.
        @Test func aYearIsTaken() throws {
            let proxy = try Weir.start([
                "proxy", "--listen", "127.0.0.1:\(try Installation().listen)", "--idle-timeout", "8760h",
                "--connect-timeout", "8760h",
            ])
            #expect(Eventually.value(within: 0.5) { proxy.poll() } == nil, "\(proxy.errors)")
            proxy.stop()
        }

        /// Only what an agent that was killed has left is removed.
        @Test(arguments: ["file", "link", "datagram", "directory", "busy"])
        func socketsOfOthersStay(_ kind: String) throws {
            let weir = try Installation()
            let (path, target) = (weir.socket, weir.socket + "-target")
            var words = "is no socket, and is not removed"
            var other: ChildProcess?
            switch kind {
            case "file": try "precious".write(toFile: path, atomically: false, encoding: .utf8)
            case "directory": try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            case "link":
                try "precious".write(toFile: target, atomically: false, encoding: .utf8)
                try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
            default:
                let type = kind == "busy" ? "SOCK_STREAM" : "SOCK_DGRAM"
                words = kind == "busy" ? "answers on" : "is in use (protocol wrong type for socket)"
                let program = """
                    import socket, sys, time
                    one = socket.socket(socket.AF_UNIX, socket.\(type)); one.bind(sys.argv[1])
                    if one.type == socket.SOCK_STREAM: one.listen()
                    print("bound", flush=True); time.sleep(60)
                    """
                other = try ChildProcess(["python3", "-c", program, path])
                try other?.waitForLine("bound")
            }
            let before = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
            let result = try weir.run(["agent"])
            #expect(result.status == 2 && result.errors.contains(words), "\(result.errors)")
            #expect(weir.isGone)
            let after = try? FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
            #expect(after == before && before != nil, "it was removed")
            other?.stop()
            for one in [path, target] { try? FileManager.default.removeItem(atPath: one) }
        }

        /// What an agent that was killed has left is no hindrance.
        @Test func aSocketThatNobodyListensOnGoes() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let weir = try Installation()
            try Command.run([
                "python3", "-c", "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])", weir.socket,
            ])
            let agent = try weir.startAgent()
            #expect(agent.stop().status == 0)
            try weir.succeed(["unload"])
        }

        /// Sentences quote what is wrong; the terminal gets no more than text.
        @Test func errorsAreText() throws {
            let file = try Workspace.write(
                "weir.yaml", "mechanism: \"\\e[2J\\nweir: all is well\\u202e\"\nworkloads: []\n")
            for result in [try Weir.run(["config", "validate", file]), try Weir.run(["load", "--config", file])] {
                #expect(result.status != 0 && result.errors.contains(#"\u{1b}[2J\nweir: all is well\u{202e}"#))
                #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
            }
            let missing = try Weir.run(["load", "--config", "/weir-none\u{1b}[2J\nweir: all is well"])
            #expect(
                missing.status == 2 && missing.errors.split(separator: "\n").count == 1
                    && !missing.errors.contains("\u{1b}"))
            // JSON has all of it, in escapes.
            struct Report: Decodable {
                struct Problem: Decodable { let sentence: String }
                let problems: [Problem]
            }
            let machine = try Weir.run(["config", "validate", file, "-o", "json"]).output
            #expect(machine.utf8.allSatisfy { $0 == 0x0a || (0x20..<0x7f).contains($0) })
            let report = try JSONDecoder().decode(Report.self, from: Data(machine.utf8))
            #expect(report.problems.first?.sentence.contains("\u{1b}[2J\nweir: all is well\u{202e}") == true)
        }
    }
}
