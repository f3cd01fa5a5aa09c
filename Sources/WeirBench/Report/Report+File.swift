import Foundation

extension Report {
    /// Reads what `weir bench --json` wrote.
    public init(file path: String) throws {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw BenchError("cannot read \(path): give the files that weir bench --json has written")
        }
        struct Head: Decodable { var schema: String? }
        guard let schema = (try? JSONDecoder().decode(Head.self, from: data))?.schema else {
            throw BenchError("\(path) is not a result of weir bench --json")
        }
        guard schema == Self.schema else {
            throw BenchError("\(path) has the schema \(schema) and not \(Self.schema); make it anew with this version")
        }
        do {
            self = try JSONDecoder().decode(Report.self, from: data)
        } catch {
            throw BenchError("\(path) is a damaged result of weir bench --json; make it anew")
        }
    }
}
