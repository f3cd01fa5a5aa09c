import Foundation
import TestSupport
import Testing

extension Commands {
    /// The plugin on a node whose agent keeps it installed.
    @Suite struct CNI {
        @Test func theAgentInstallsItAndRemovesItWhenItIsToldTo() throws {
            try leavingNothing {
                let node = try Node()
                let weir = try Installation()
                try weir.configure([], agent: "cni: {install: true, binDir: \(node.bin), confDir: \(node.conf)}")
                var agent = try weir.startAgent()
                try agent.waitForLine("CNI plugin installed", in: .errors)
                #expect(Workspace.read(node.list).contains(#""socket": "\#(weir.socket)""#))

                // The interception outlives the agent, and so does the plugin: whatever starts now waits for the next one.
                agent.stop()
                #expect(!weir.isGone && Workspace.read(node.list).contains("weir-cni"))

                try weir.configure(
                    [], agent: "unloadOnStop: true, cni: {install: true, binDir: \(node.bin), confDir: \(node.conf)}")
                agent = try weir.startAgent()
                let result = agent.stop()
                #expect(result.status == 0 && result.errors.contains("everything is unloaded"))
                #expect(weir.isGone && node.isAsBefore)
            }
        }

        @Test func unloadRemovesIt() throws {
            try leavingNothing {
                let node = try Node()
                let weir = try Installation()
                try weir.configure([], agent: "cni: {install: true, binDir: \(node.bin), confDir: \(node.conf)}")
                let agent = try weir.startAgent()
                try agent.waitForLine("CNI plugin installed", in: .errors)
                try weir.succeed(["unload"])
                #expect(weir.isGone && node.isAsBefore)
                #expect(try agent.wait(limit: 20).status == 0)
            }
        }

        @Test func installFromTheCommandLine() throws {
            let node = try Node()
            let options = ["--bin-dir", node.bin, "--conf-dir", node.conf]
            #expect(try Weir.run(["cni", "install"] + options).output == "installed in \(node.list)\n")
            #expect(try Weir.run(["cni", "uninstall"] + options).output == "uninstalled\n")
            #expect(node.isAsBefore)
            #expect(try Weir.run(["cni", "uninstall"] + options).output == "nothing was installed\n")
            unlink(node.list)
            expect(
                try Weir.run(["cni", "install"] + options), 2,
                "weir: \(node.conf) is empty of network configurations; install a network plugin first")
        }
    }
}

/// A node's directories for CNI.
private struct Node {
    let bin = Workspace.newPath("bin")
    let conf = Workspace.newPath("net.d")
    var list: String { "\(conf)/10-pods.conflist" }
    private let text = #"{"name":"pods","cniVersion":"1.0.0","plugins":[{"type":"bridge"}]}"#

    init() throws {
        for path in [bin, conf] { mkdir(path, 0o755) }
        try Data(text.utf8).write(to: URL(fileURLWithPath: list))
    }

    var isAsBefore: Bool {
        let names = [bin, conf].flatMap { (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? [] }
        return names == ["10-pods.conflist"] && Workspace.read(list) == text
    }
}
