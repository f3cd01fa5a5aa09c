import TestSupport
import Testing
import WeirCore

extension Acceleration {
    /// Readers that never read.
    @Suite struct Stalls {
        /// `weir-exercise stall`.
        struct Result: Decodable, CustomStringConvertible {
            let connections, most, queuedHalfTime, queued, pagesBefore, pagesHalfTime, pages: Int

            enum CodingKeys: String, CodingKey {
                case connections, most, queued, pages
                case queuedHalfTime = "queued_half_time"
                case pagesBefore = "pages_before"
                case pagesHalfTime = "pages_half_time"
            }

            var description: String {
                "\(connections) writers queued \(queued >> 10) KiB (half-time \(queuedHalfTime >> 10)), at most "
                    + "\(most >> 10) KiB each; TCP mem \(pagesBefore) -> \(pagesHalfTime) -> \(pages) pages"
            }
        }

        @Test(arguments: [1, 100, 1500, 16 << 10, 256 << 10, 4 << 20])
        func oneWriterQueuesLessThanEightMiB(message: Int) async throws {
            let node = try await ShortCutNode(.full)
            let result = try stall(node, "--message", "\(message)")
            observed("messages of \(message)", "\(result); \(try node.messages())")
            #expect(result.most < 8 << 20)
            #expect(try node.messages()[.redirect, default: 0] > 0)
        }

        @Test func memoryStaysFlatForAThousand() async throws {
            let node = try await ShortCutNode(.full)
            let result = try stall(node, "--connections", "1000", "--seconds", "5")
            observed("a thousand", "\(result); \(try node.messages())")
            #expect(result.most < 8 << 20)
            // Once the buffers are full, nothing comes on top: 2 % is what the kernel still moves about.
            #expect(result.queued <= result.queuedHalfTime * 102 / 100)
            #expect(result.pages <= result.pagesHalfTime * 102 / 100)
        }

        @Test func withoutTheGuardsTheyHoard() async throws {
            let node = try await ShortCutNode(.full, unguarded: true)
            let result = try stall(node, "--message", "65536", "--seconds", "1")
            observed("unguarded", result)
            #expect(result.most >= 8 << 20)
        }

        /// The kernel takes its time to free what many sockets held; while it is short of memory it holds back everybody.
        private func waitForMemory() {
            let enough = Eventually.value { () -> Bool? in
                let words = Workspace.read("/proc/net/sockstat").split(whereSeparator: \.isWhitespace)
                guard let at = words.firstIndex(of: "mem"), let pages = Int(words[at + 1]) else { return nil }
                return pages < 50_000 ? true : nil
            }
            #expect(enough == true)
        }

        private func stall(_ node: ShortCutNode, _ options: String...) throws -> Result {
            waitForMemory()
            let command = [try Programs.exercise.get(), "stall", "--to", "10.200.0.1:80", "--port", "15001"]
            return try Traffic.decode(try Command.output(command + options, in: node.neighbours.root(0)))
        }
    }
}
