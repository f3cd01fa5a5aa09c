import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A workload of the file that is not there, or not yet, holds up nobody else.
    @Suite struct Absent {
        private static let destination = Endpoint(Family.ipv4.destination(65), 80)

        @Test(arguments: ["ebpf", "nftables"])
        func itIsTakenOverWhenItComes(_ mechanism: String) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let pod = try Pod(number: 30)
            let coming = Namespace.newName()
            let workloads: [String] = [
                .istio(pod), "name: coming\nselector: {netns: /run/netns/\(coming)}\nmesh: istio",
                "name: unit\nselector: {unit: weir-test-none.service}\nmechanism: ebpf\nproxy: {outbound: 15001, uid: 7}",
                "name: cgroup\nselector: {cgroup: \(try #require(Cgroup.root))/weir-test-none}\nmechanism: ebpf\n"
                    + "proxy: {outbound: 15001, uid: 7}",
            ]
            let weir = try Installation(workloads, mechanism: mechanism)
            let stubs = [try Listener.proxy(in: pod), try Listener.outside(of: pod)]
            let agent = try weir.startAgent()
            #expect(try Attempt.run("blocking", to: Self.destination, in: pod.application).facts?.name == "proxy")
            try expectSaid(["coming", "unit", "cgroup"], weir)

            // A reload is not refused for it either.
            try weir.configure(workloads.dropLast(2) + [], mechanism: mechanism)
            agent.signal(SIGHUP)
            try agent.waitForLine("configuration applied", in: .errors)
            try expectSaid(["coming"], weir)

            let late = try Pod(number: 31, name: coming)
            let lateStubs = [try Listener.proxy(in: late), try Listener.outside(of: late)]
            #expect(try Eventually.value { try weir.run(["status"]).status == 0 ? true : nil } == true)
            #expect(try Attempt.run("blocking", to: Self.destination, in: late.application).facts?.name == "proxy")
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"])
            for stub in stubs + lateStubs { stub.process.stop() }
        }

        private func expectSaid(_ names: [String], _ weir: Installation) throws {
            let status = try weir.run(["status"])
            #expect(status.status == 1)
            let workloads = try weir.succeed(["workloads"])
            for name in names {
                #expect(status.output.contains("\(name): it is not intercepted, because it is not there: cannot "))
                let row = workloads.split(separator: "\n").first { $0.hasPrefix(name + " ") }
                #expect(row?.contains(" absent ") == true && row?.contains(" none ") == true, "\(workloads)")
            }
        }

        /// `weir load` leaves nobody behind who could take it over.
        @Test func loadRefuses() throws {
            let weir = try Installation(["name: gone\nselector: {netns: /run/netns/weir-test-none}\nmesh: istio"])
            #expect(try weir.run(["load"]).status == 2)
            #expect(weir.isGone)
        }
    }
}
