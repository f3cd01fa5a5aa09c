import TestSupport
import Testing
import WeirCore

extension Acceleration {
    /// A writer that found no TCP memory while nothing of it was in flight. Of members of a sockmap the kernel forgets it,
    /// and an event loop that waits for an edge waits for ever.
    @Suite struct Squeezes {
        /// `weir-exercise squeeze`.
        struct Result: Decodable, CustomStringConvertible {
            let refused, woken, answered: Bool
            let waited: Int

            enum CodingKeys: String, CodingKey {
                case refused, woken, answered
                case waited = "waited_ms"
            }

            var description: String { "refused \(refused), woken \(woken) after \(waited) ms, answered \(answered)" }
        }

        @Test(arguments: ["10.200.0.1:80", "[2001:db8::1]:80"])
        func theAgentWakesIt(_ server: String) throws {
            let neighbours = try Neighbours()
            let weir = try Installation([
                "{name: writer, selector: {netns: \(neighbours.pods[0].path)}, mesh: istio, acceleration: full, "
                    + "applicationReads: untilEmpty}"
            ])
            let lock = MachineLock(.shared)
            let agent = try weir.startAgent()
            let result = try squeeze(neighbours, server)
            observed("with an agent", result)
            #expect(result.refused && result.woken && result.answered)
            try agent.waitForLine("woke writers", in: .errors)
            try weir.succeed(["unload"])
            withExtendedLifetime(lock) {}
        }

        /// What there is to mend: when this fails, the kernel wakes its writers itself.
        @Test func theKernelForgetsIt() async throws {
            let node = try await ShortCutNode(.full)
            let result = try squeeze(node.neighbours, "10.200.0.1:80", "--patience", "3000")
            observed("without an agent", result)
            #expect(result.refused && !result.woken)
            // TCP itself takes a first packet in any case, whose acknowledgement is the edge.
            let plain = try await ShortCutNode(.off)
            #expect(try !squeeze(plain.neighbours, "10.200.0.1:80").refused)
        }

        private func squeeze(_ neighbours: Neighbours, _ server: String, _ options: String...) throws -> Result {
            let memory = try Cgroup(Cgroup.memoryRoot)
            let command = [
                try Programs.exercise.get(), "squeeze", "--to", server, "--port", "15001", "--memory", memory.path,
            ]
            return try Traffic.decode(try Command.output(command + options, in: neighbours.root(0)))
        }
    }
}
