import Foundation
import TestSupport
import Testing

extension EndToEnd {
    /// A workload of a plain host: the processes of a cgroup. A namespace stands for the host, and the agent runs in it,
    /// so that the machine's own network is left alone.
    @Suite struct HostWorkloads {
        enum ProxyIdentity: String, CaseIterable, Sendable { case uid, cgroup, outside }

        @Test(arguments: ProxyIdentity.allCases)
        func onlyTheCgroup(_ identity: ProxyIdentity) throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 29)
            let cgroup = try Cgroup()
            let below = "\(cgroup.path)/below"
            let proxyCgroup = "\(cgroup.path)/proxy"
            for path in [below, proxyCgroup] { #expect(mkdir(path, 0o755) == 0) }
            let proxy = [.uid: ", uid: 1337", .cgroup: ", cgroup: \(proxyCgroup)"][identity] ?? ""
            let weir = try Installation([
                "name: shop\nselector: {cgroup: \(cgroup.path)}\nproxy: {outbound: 15001\(proxy)}"
            ])
            let stubs = [try Listener.proxy(in: host), try Listener.outside(of: host)]
            let agent = try weir.startAgent(in: host.namespace.place)

            var member = host.application
            member.cgroup = cgroup.path
            try expectReached("proxy", host, member, "a member of the cgroup")
            member.cgroup = below
            try expectReached("proxy", host, member, "a member of a cgroup below")
            try expectReached("outside", host, host.application, "a bystander")
            if identity == .uid {
                member.uid = 1337
                try expectReached("outside", host, member, "the proxy by uid")
            }
            if identity == .cgroup {
                member.cgroup = proxyCgroup
                try expectReached("outside", host, member, "the proxy by cgroup")
            }
            // Connections from outside meet the whole host, so they are nobody's.
            let application = try Listener("application", ports: [8080], in: member)
            let inbound = try Attempt.run("blocking", to: Endpoint(host.address(.ipv4), 8080), in: host.outside.place)
            #expect(inbound.facts?.name == "application")
            application.process.stop()

            let redirected = try weir.counters(of: "shop").filter { $0.verdict == "outbound" }
            #expect(redirected.map(\.connections).reduce(0, +) == 4)
            #expect(agent.poll() == nil)
            try weir.succeed(["unload"], in: host.namespace.place)
            member.cgroup = below
            try expectReached("outside", host, member, "after unload")
            for stub in stubs { stub.process.stop() }
        }

        /// While an agent starts again, a proxy that is known by its cgroup is never taken for its workload.
        @Test func theProxyStaysTheProxy() throws {
            let lock = MachineLock(.shared)
            defer { withExtendedLifetime(lock) {} }
            let host = try Pod(number: 87)
            let cgroup = try Cgroup()
            let proxyCgroup = "\(cgroup.path)/proxy"
            #expect(mkdir(proxyCgroup, 0o755) == 0)
            let weir = try Installation([
                "name: shop\nselector: {cgroup: \(cgroup.path)}\nproxy: {outbound: 15001, cgroup: \(proxyCgroup)}"
            ])
            let stubs = [try Listener.proxy(in: host), try Listener.outside(of: host)]
            var agent = try weir.startAgent(in: host.namespace.place)
            var place = host.application
            place.cgroup = proxyCgroup
            let making = try BusyClient(.make, to: Endpoint(Family.ipv4.destination(71), 80), in: place)
            for _ in 1...10 {
                agent.stop(SIGKILL)
                agent = try weir.startAgent(in: host.namespace.place)
            }
            let reached = try making.finishMaking()
            observed("connections of the proxy while its agent started ten times", "\(reached)")
            #expect(Set(reached.keys) == ["outside None"])
            try weir.succeed(["unload"], in: host.namespace.place)
            for stub in stubs { stub.process.stop() }
        }

        private func expectReached(
            _ name: String, _ host: Pod, _ place: Place, _ who: String,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            for family in Family.allCases {
                let destination = Endpoint(family.destination(70), 80)
                let attempt = try Attempt.run("blocking", to: destination, in: place)
                observed("\(who) over \(family)", attempt)
                #expect(attempt.facts?.name == name, sourceLocation: sourceLocation)
                #expect(attempt.peer == destination, sourceLocation: sourceLocation)
                #expect(attempt.local?.address == host.address(family), sourceLocation: sourceLocation)
                if name == "proxy" { #expect(attempt.facts?.origin == destination, sourceLocation: sourceLocation) }
            }
        }
    }
}
