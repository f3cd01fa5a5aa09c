import Foundation
import TestSupport
import Testing

extension Commands {
    /// `weir reasons`, and where else reasons are listed.
    @Suite struct Reasons {
        private struct Document: Decodable {
            struct Row: Decodable, Equatable {
                let reason: String
                let meaning: String
            }
            let schema: String
            let reasons: [Row]
        }

        /// The rows of WEIR_REASONS, read by other means than the compiler's.
        private func header() throws -> [Document.Row] {
            let text = try String(contentsOf: Self.root.appending(path: "bpf/include/weir/words.h"), encoding: .utf8)
            let start = try #require(text.range(of: "#define WEIR_REASONS(X)"))
            let end = try #require(text.range(of: "enum weir_reason"))
            return text[start.upperBound..<end.lowerBound].matches(of: /X\(\w+, "(\w+)", "([^"]+)"\)/).map {
                Document.Row(reason: String($0.1), meaning: String($0.2))
            }
        }

        private static let root = URL(filePath: #filePath).appending(path: "../../..").standardized

        @Test func printsThoseOfTheHeader() throws {
            let shown = try Weir.read(Document.self, ["reasons"])
            #expect(shown.schema == "weir.reasons/v1")
            #expect(shown.reasons.count > 20)
            let written = try header()
            #expect(shown.reasons == written)
        }

        /// One that a user meets in a table of numbers, without root and without a configuration.
        @Test func printsATable() throws {
            let result = try Weir.run(["reasons"], in: Place(uid: 65534, gid: 65534))
            #expect(result.status == 0)
            let lines = result.output.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1) }
            let row = try #require(lines.first { $0.first == "excluded_port" })
            #expect(row.last?.hasSuffix("the port is in the list of excluded ports") == true)
        }

        /// The kernel reference and the manual are made from the header; `Scripts/docs` says so when they are not.
        @Test func theDocumentsAreUpToDate() throws {
            let check = try Command.output([Self.root.appending(path: "Scripts/docs").path])
            #expect(check.status == 0, "\(check.output)")
        }
    }
}
