import TestSupport
import Testing
import WeirCore

extension Acceleration {
    /// Readers of every habit, over, at and under the budget: all of them get everything, because bytes are redirected
    /// only to those whose habits allow it.
    @Suite struct Habits {
        enum Habit: String, CaseIterable, Sendable {
            case level, edge
            case edgeShort = "edge-short"
            case readFirst = "read-first"
            case blocking, waitall, splice, lowat

            /// Whether redirected bytes strand or break it, over the budget or at all.
            var isBroken: Bool { [.edgeShort, .waitall, .splice, .lowat].contains(self) }
        }

        enum Reader: String { case proxy, application }

        /// `weir-exercise habit`.
        struct Result: Decodable, CustomStringConvertible {
            let habit: String
            let sent, read, reads, stranded: Int
            let wrong: Bool
            let broken: String?

            var isComplete: Bool { read == sent && !wrong && broken == nil }

            var description: String {
                "\(habit) read \(read) of \(sent) in \(reads) reads, \(stranded) stranded"
                    + "\(wrong ? ", wrong bytes" : "")\(broken.map { ": \($0)" } ?? "")"
            }
        }

        private static let budget = 256 << 10
        /// Under, at and over it; 288,000 is 272,000 in messages of 16,000 past the stack, and one that is not.
        private static let sizes = [100_000, 256 << 10, 288_000, 1 << 20]

        /// A proxy that reads until a socket is empty, in any way of knowing when to begin.
        @Test(arguments: [Habit.level, .edge, .readFirst, .blocking])
        func proxiesOfKnownHabits(_ habit: Habit) async throws {
            let node = try await ShortCutNode(.full, budget: Self.budget)
            for size in Self.sizes { try expectAll(habit, size, .proxy, node) }
            #expect(try node.messages()[.redirect, default: 0] > 0)
        }

        /// linkerd-proxy takes a short read for "empty": what comes to it through the stack joins the queue.
        @Test func proxiesThatStopAtAShortRead() async throws {
            let node = try await ShortCutNode(.full, budget: Self.budget, proxy: "mesh: linkerd")
            for size in Self.sizes { try expectAll(.edgeShort, size, .proxy, node, port: 4140, uid: 2102) }
            #expect(try node.messages()[.redirect, default: 0] > 0)
            #expect(try node.messages()[.overBudget, default: 0] > 0)
        }

        /// A proxy of which nothing is known gets nothing.
        @Test(arguments: Habit.allCases)
        func proxiesOfUnknownHabits(_ habit: Habit) async throws {
            let unknown = "proxy: {outbound: 15001, inbound: 15006, uid: \(Pod.proxyID)}"
            let node = try await ShortCutNode(.proxies, budget: Self.budget, proxy: unknown)
            for size in Self.sizes { try expectAll(habit, size, .proxy, node) }
            #expect(try node.messages()[.redirect, default: 0] == 0)
        }

        /// Nothing is redirected to applications of which nobody says how they read, so all of theirs is as ever.
        @Test(arguments: Habit.allCases, [WeirCore.Acceleration.proxies, .full])
        func applicationsOfUnknownHabits(_ habit: Habit, _ scope: WeirCore.Acceleration) async throws {
            let node = try await ShortCutNode(scope, budget: Self.budget, application: .unknown)
            for size in Self.sizes { try expectAll(habit, size, .application, node) }
            #expect(try node.messages()[.redirect, default: 0] == 0)
        }

        @Test(arguments: Habit.allCases.filter { !$0.isBroken })
        func applicationsOfKnownHabits(_ habit: Habit) async throws {
            let node = try await ShortCutNode(.full, budget: Self.budget)
            for size in Self.sizes { try expectAll(habit, size, .application, node) }
            #expect(try node.messages()[.redirect, default: 0] > 0)
        }

        /// One queue is for all who do not care how their bytes came, too.
        @Test(arguments: Habit.allCases.filter { !$0.isBroken || $0 == .edgeShort })
        func applicationsThatStopAtAShortRead(_ habit: Habit) async throws {
            let node = try await ShortCutNode(.full, budget: Self.budget, application: .untilShort)
            for size in Self.sizes { try expectAll(habit, size, .application, node) }
            #expect(try node.messages()[.redirect, default: 0] > 0)
        }

        /// Why the others are excluded: with redirection forced on them they miss bytes, or the kernel breaks the call.
        @Test(arguments: Habit.allCases.filter(\.isBroken), [Reader.proxy, .application])
        func excludedHabitsWouldHang(_ habit: Habit, _ reader: Reader) async throws {
            let node = try await ShortCutNode(.full, budget: Self.budget)
            let result = try run(habit, 288_000, reader, node)
            observed("forced on the \(reader.rawValue)", result)
            #expect(!result.isComplete)
            // splice sees the bytes of the stack only, and hands them out before those that were redirected.
            #expect(result.wrong == (habit == .splice))
            if habit == .edgeShort { #expect(result.stranded == result.sent - result.read) }
        }

        private func expectAll(
            _ habit: Habit, _ size: Int, _ reader: Reader, _ node: ShortCutNode, port: Int = 15001,
            uid: UInt32 = Pod.proxyID
        ) throws {
            let result = try run(habit, size, reader, node, port: port, uid: uid)
            observed("reader is the \(reader.rawValue)", result)
            #expect(result.isComplete, "\(result)")
        }

        private func run(
            _ habit: Habit, _ size: Int, _ reader: Reader, _ node: ShortCutNode, port: Int = 15001,
            uid: UInt32 = Pod.proxyID
        ) throws -> Result {
            let command = [
                try Programs.exercise.get(), "habit", habit.rawValue, "--to", "10.200.0.1:80", "--port", "\(port)",
                "--bytes", "\(size)", "--reader", reader.rawValue, "--proxy-uid", "\(uid)",
            ]
            return try Traffic.decode(try Command.output(command, in: node.neighbours.root(0)))
        }
    }
}
