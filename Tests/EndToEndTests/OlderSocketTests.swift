import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// UDP sockets that were connected to a resolver before Weir came: nothing that they do meets a program of Weir's.
    @Suite struct OlderSockets {
        @Test(arguments: ["ebpf", "nftables"])
        func areCounted(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: mechanism == "ebpf" ? 133 : 134)
            let weir = try Installation()
            try weir.configure([.istio(pod, "dns: all")], mechanism: mechanism)
            let servers = Family.allCases.map { $0.destination(133) }
            // What the proxy has, and what goes elsewhere, is left alone in any case.
            let older = [
                try Connected(to: servers, 53, in: pod.application), try Connected(to: servers, 53, in: pod.proxy),
                try Connected(to: servers, 5353, in: pod.application),
            ]
            let agent = try weir.startAgent()
            let proxy = try Listener.proxy(in: pod)
            let younger = try Connected(to: servers, 53, in: pod.application)
            let text = try check(weir)
            observed("weir check, \(mechanism)", text)
            let line =
                "2 UDP sockets were connected to \(Endpoint(servers[0], 53)), \(Endpoint(servers[1], 53)) before "
            #expect(text.contains(line + "Weir came, and stay direct until closed") == (mechanism == "ebpf"))
            for one in older + [younger] { one.process.stop() }
            #expect(try !check(weir).contains("before Weir came"))
            try weir.succeed(["unload"])
            #expect(Eventually.value { agent.poll() } == 0)
            proxy.process.stop()
        }

        private func check(_ weir: Installation) throws -> String {
            let result = try weir.run(["check", "--category", "workloads"])
            #expect(result.status == 0, "\(result.output)")
            return result.output
        }
    }
}

/// UDP sockets that somebody has connected.
private struct Connected {
    let process: ChildProcess

    init(to servers: [String], _ port: Int, in place: Place) throws {
        let program = """
            import signal, socket, sys
            held = []
            for server in sys.argv[1:]:
                family = socket.AF_INET6 if ":" in server else socket.AF_INET
                held.append(socket.socket(family, socket.SOCK_DGRAM))
                held[-1].connect((server, \(port)))
            print("connected", flush=True)
            signal.pause()
            """
        process = try ChildProcess(["python3", "-c", program] + servers, in: place)
        try process.waitForLine("connected")
    }
}
