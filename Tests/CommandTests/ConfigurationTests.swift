import Foundation
import TestSupport
import Testing

extension Commands {
    /// Configurations that are wrong, or do not fit this node: what `weir config validate` and `weir load` say.
    @Suite struct Configurations {
        struct Case: Sendable, CustomTestStringConvertible {
            let name: String
            let workloads: [String]
            let sentence: String
            /// Wrong by itself, so that `weir config validate` finds it too.
            var isWrong = false
            /// Something is not there now, and may come.
            var isAbsent = false

            var testDescription: String { name }
        }

        private static func istio(_ name: String, _ selector: String, _ more: String = "") -> String {
            "{name: \(name), selector: {\(selector)}, mesh: istio\(more)}"
        }

        /// FILE stands for the path of the configuration; its first workload is on line 4.
        static let cases = [
            Case(
                name: "a misspelt key", workloads: [istio("shop", "netns: /n", ", anotations: {}")],
                sentence: "FILE:4: workloads[0].anotations: there is no such key; did you mean \"annotations\"?",
                isWrong: true),
            Case(
                name: "an unknown key", workloads: [istio("shop", "netns: /n", ", colour: red")],
                sentence: "FILE:4: workloads[0].colour: there is no such key; the keys here are name, selector, mesh, "
                    + "proxy, whenProxyDown, originFrom, mechanism, followPassed, annotations, outbound, inbound, ipv6, dns, "
                    + "acceleration, accelerationBudget, applicationReads",
                isWrong: true),
            Case(
                name: "a port out of range",
                workloads: [istio("shop", "netns: /n", ", outbound: {excludePorts: [70000]}")],
                sentence: "FILE:4: workloads[0].outbound.excludePorts[0]: \"70000\" is not a port or range of ports; "
                    + "write one like 80 or 8000-8080, up to 65535", isWrong: true),
            Case(
                name: "a proxy's port out of range",
                workloads: ["{name: shop, selector: {netns: /n}, proxy: {outbound: 65536, uid: 1}}"],
                sentence: "FILE:4: workloads[0].proxy.outbound: should be a port from 1 to 65535, but is \"65536\"",
                isWrong: true),
            Case(
                name: "a range with host bits",
                workloads: [istio("shop", "netns: /n", ", outbound: {excludeRanges: [10.1.2.3/8]}")],
                sentence: "FILE:4: workloads[0].outbound.excludeRanges[0]: \"10.1.2.3/8\" has bits set beyond its "
                    + "length; write 10.0.0.0/8, or 10.1.2.3/32 for the one address", isWrong: true),
            Case(
                name: "two workloads with one selector",
                workloads: [istio("shop", "netns: /n"), istio("cart", "netns: /n")],
                sentence: "FILE:5: workloads[1]: has the same selector as workloads[0], netns /n; leave one of them",
                isWrong: true),
            Case(
                name: "no such namespace", workloads: [istio("shop", "netns: /run/netns/weir-test-none")],
                sentence: "workload shop: cannot open /run/netns/weir-test-none: no such file or directory",
                isAbsent: true),
            Case(
                name: "a file that is no namespace", workloads: [istio("shop", "netns: /etc/passwd")],
                sentence: "workload shop: cannot enter /etc/passwd: invalid argument; the path must name a network "
                    + "namespace, such as /run/netns/NAME or /proc/PID/ns/net"),
            Case(
                name: "the host's own namespace", workloads: [istio("shop", "netns: /proc/self/ns/net")],
                sentence: "workload shop: /proc/self/ns/net is the host's own network namespace; select a host "
                    + "workload by cgroup or unit"),
            Case(
                name: "no such cgroup", workloads: [istio("shop", "cgroup: ROOT/weir-none")],
                sentence: "workload shop: cannot find the cgroup ROOT/weir-none: no such file or directory; name a "
                    + "directory below the cgroup v2 mount", isAbsent: true),
            Case(
                name: "a directory that is no cgroup", workloads: [istio("shop", "cgroup: /tmp")],
                sentence: "workload shop: cannot use /tmp: invalid argument; it is not a cgroup v2 directory; those "
                    + "are below ROOT"),
            Case(
                name: "no such unit", workloads: [istio("shop", "unit: weir-none.service")],
                sentence: "workload shop: cannot find the unit weir-none.service below ROOT: no such file or "
                    + "directory; start it first, or check its name with systemctl status weir-none.service",
                isAbsent: true),
            Case(
                name: "one namespace by two paths",
                workloads: [
                    istio("shop", "netns: /run/netns/NETNS"), istio("cart", "netns: /run/netns/../netns/NETNS"),
                ],
                sentence: "workload cart: netns /run/netns/../netns/NETNS is what workload shop selects already; "
                    + "remove one of them"),
            Case(
                name: "two wrong workloads at once",
                workloads: [istio("shop", "netns: /weir-1"), istio("cart", "netns: /weir-2")],
                sentence: "workload shop: cannot open /weir-1: no such file or directory\n"
                    + "workload cart: cannot open /weir-2: no such file or directory", isAbsent: true),
        ]

        @Test(arguments: cases)
        func isRefused(_ example: Case) throws {
            let namespace = try Namespace()
            let root = try #require(Cgroup.root)
            let fill = { (text: String, file: String) in
                text.replacingOccurrences(of: "NETNS", with: namespace.name)
                    .replacingOccurrences(of: "ROOT", with: root).replacingOccurrences(of: "FILE", with: file)
            }
            try leavingNothing {
                let weir = try Installation(example.workloads.map { fill($0, "") })
                let sentence = fill(example.sentence, weir.file)
                let asWeir = sentence.split(separator: "\n").map { "weir: \($0)" }.joined(separator: "\n")
                expect(try weir.run(["load"]), 2, asWeir)
                // An agent waits for what is not there (EndToEnd/Absent).
                if !example.isAbsent { expect(try weir.run(["agent"]), 2, asWeir) }
                #expect(weir.isGone)
                let validate = try Weir.run(["config", "validate", weir.file])
                if example.isWrong {
                    expect(validate, 1, sentence)
                } else {
                    let count = example.workloads.count
                    #expect(validate.output == "\(weir.file) is valid: \(count) workloads\n")
                    #expect(validate.status == 0)
                }
            }
        }

        /// As root in a container without privileges: the path is right.
        @Test func aNamespaceThatMayNotBeEntered() throws {
            let namespace = try Namespace()
            let weir = try Installation([Self.istio("shop", "netns: /run/netns/\(namespace.name)")])
            let arguments = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
            expect(
                try Command.output(arguments + [Programs.weir.get(), "load", "--config", weir.file]), 2,
                "weir: workload shop: cannot enter /run/netns/\(namespace.name): operation not permitted; run as the "
                    + "host's root, or with CAP_SYS_ADMIN, which a container has when it is privileged")
        }

        @Test(arguments: [["load", "--config"], ["agent", "--config"], ["config", "validate"], ["config", "show"]])
        func filesThatCannotBeRead(_ command: [String]) throws {
            expect(
                try Weir.run(command + ["/weir-none.yaml"]), 2,
                "weir: cannot read the configuration /weir-none.yaml: No such file or directory; name another file, or "
                    + "write one after the example deploy/weir.yaml")
            expect(
                try Weir.run(command + ["/tmp"]), 2,
                "weir: cannot read the configuration /tmp: it is not a regular file; name another")
        }

        @Test func problemsForMachines() throws {
            struct Report: Decodable {
                struct Problem: Decodable { let line: Int?, key: String, sentence: String }
                let schema: String, valid: Bool, workloads: Int?, problems: [Problem]
            }
            func report(_ text: String, status: Int32) throws -> Report {
                let file = try Workspace.write("weir.yaml", text)
                let result = try Weir.run(["config", "validate", file, "-o", "json"])
                #expect(result.status == status && result.errors == "")
                return try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
            }
            let good = try report("workloads: []", status: 0)
            #expect(good.schema == "weir.validation/v1" && good.valid && good.workloads == 0 && good.problems.isEmpty)
            let bad = try report("log:\n  level: loud\nmechanism: magic\n", status: 1)
            #expect(!bad.valid && bad.workloads == nil)
            #expect(bad.problems.map(\.line) == [2, 3])
            #expect(bad.problems.map(\.key) == ["log.level", "mechanism"])
            #expect(bad.problems.allSatisfy { $0.sentence.hasPrefix("should be one of ") })
        }

        /// What an earlier load installed stays as it was when the next one is refused.
        @Test func aRefusedLoadChangesNothing() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let namespace = try Namespace()
            let weir = try Installation([Self.istio("shop", "netns: \(namespace.path)")])
            try weir.load()
            let before = try weir.workloads()
            try weir.configure([Self.istio("cart", "netns: /weir-none")])
            #expect(try weir.run(["load"]).status == 2)
            #expect(before.keys.sorted() == ["shop"])
            #expect(try weir.workloads() == before)
            try weir.succeed(["unload"])
        }
    }
}
