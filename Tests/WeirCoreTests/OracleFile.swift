import Foundation
import WeirCore

/// The oracle's file of cases, as far as decisions need it.
struct OracleFile: Decodable {
    let cases: [Case]

    struct Case: Decodable {
        let `case`: String
        let config: PolicySpecification
        let vifs: [String]
        let attempts: [Record]
    }

    struct Record: Decodable {
        let id: String
        let from: String
        let proto: String
        let dst_ip: String
        let dst_port: UInt16
        let uid: UInt32?
        let gid: UInt32?
        let sock_uid: UInt32?
        let sock_gid: UInt32?
        let bind_src: String?
        let iface: String?
        let mark: UInt32?
        let artifact: String?
        let probe: String?
        let dst2_ip: String?
        let dst2_port: UInt16?
        let outcome: Outcome
    }

    final class Outcome: Decodable {
        let kind: String
        let listener: String?
        let listener_port: UInt16?
        let second: Outcome?
    }

    /// From WEIR_ORACLE_CASES, else ../shared/oracle beside the package.
    static func load() throws -> OracleFile {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path =
            ProcessInfo.processInfo.environment["WEIR_ORACLE_CASES"]
            ?? root.appending(path: "../shared/oracle/cases.public.json").path
        return try JSONDecoder().decode(OracleFile.self, from: Data(contentsOf: URL(filePath: path)))
    }
}
