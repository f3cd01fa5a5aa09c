import Foundation
import WeirCore

/// The oracle's file of cases, as far as decisions need it.
struct OracleFile: Decodable {
    let cases: [Case]

    struct Case: Decodable {
        let `case`: String
        let config: OracleConfiguration
        let vifs: [String]
        let attempts: [Record]
    }

    struct Record: Decodable {
        let id: String
        let from: String
        let proto: String
        let destination: String
        let port: UInt16
        let uid: UInt32?
        let gid: UInt32?
        let socketUID: UInt32?
        let socketGID: UInt32?
        let source: String?
        let iface: String?
        let mark: UInt32?
        let artifact: String?
        let probe: String?
        let secondDestination: String?
        let secondPort: UInt16?
        let outcome: Outcome

        private enum CodingKeys: String, CodingKey {
            case id, from, proto, uid, gid, iface, mark, artifact, probe, outcome
            case destination = "dst_ip"
            case port = "dst_port"
            case socketUID = "sock_uid"
            case socketGID = "sock_gid"
            case source = "bind_src"
            case secondDestination = "dst2_ip"
            case secondPort = "dst2_port"
        }
    }

    final class Outcome: Decodable {
        let kind: String
        let listener: String?
        let port: UInt16?
        let second: Outcome?

        private enum CodingKeys: String, CodingKey {
            case kind, listener, second
            case port = "listener_port"
        }
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
