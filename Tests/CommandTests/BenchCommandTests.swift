import Foundation
import TestSupport
import Testing

extension Commands {
    /// What `weir bench` says to those who hold it wrong.
    @Suite struct Bench {
        @Test(arguments: [
            (["--only", "conect"], "There is no suite \"conect\"; use connect, latency, stream, scale, harm, proxy."),
            (["--connections", "1,,5"], "--connections takes numbers from 1 to 1000, such as 1,10,100, and not \"\"."),
            (["--connections", "0"], "--connections takes numbers from 1 to 1000, such as 1,10,100, and not \"0\"."),
            (["--html", "/nowhere/r.html"], "/nowhere/r.html cannot be written: /nowhere: no such file or directory."),
            (["--merbridge", "/nowhere"], "/nowhere cannot be read: no such file or directory."),
        ])
        func wrongOptionsAreRefusedBeforeAnythingIsMeasured(arguments: [String], sentence: String) throws {
            let result = try Weir.run(["bench"] + arguments)
            #expect(result.status == 64)
            #expect(result.errors.contains("Error: \(sentence)\n"))
            #expect(result.output == "")
        }

        @Test func onlyRootMeasures() throws {
            let result = try Weir.run(["bench", "--quick"], in: Place(uid: 1000, gid: 1000))
            expect(
                result, 2,
                "weir: cannot load BPF programs as uid 1000: operation not permitted; run as root: sudo weir …")
        }

        @Test func compareTakesResultsOnly() throws {
            let empty = try Workspace.write("empty.json", "{}")
            let other = try Workspace.write("other.json", #"{"schema": "weir.bench/v9"}"#)
            let damaged = try Workspace.write("damaged.json", #"{"schema": "weir.bench/v1"}"#)
            for (path, sentence) in [
                ("/nowhere", "cannot read /nowhere: give the files that weir bench --json has written"),
                (empty, "\(empty) is not a result of weir bench --json"),
                (other, "\(other) has the schema weir.bench/v9 and not weir.bench/v1; make it anew with this version"),
                (damaged, "\(damaged) is a damaged result of weir bench --json; make it anew"),
            ] {
                expect(try Weir.run(["bench", "compare", path, path]), 2, "weir: \(sentence)")
                expect(try Weir.run(["bench", "show", path]), 2, "weir: \(sentence)")
            }
        }

        @Test func aResultIsShownAgain() throws {
            let result = try Workspace.write(
                "result.json",
                #"""
                {"schema": "weir.bench/v1", "quick": true, "seconds": 7, "cases": ["direct"], "others": [],
                 "machine": {"kernel": "6.1.0", "architecture": "x86_64", "processor": "a processor", "processors": 2,
                             "memory": 8000000000, "versions": {"weir": "0.1.0"}, "date": "2026-01-01T00:00:00Z"},
                 "missing": [{"case": "nftables", "reason": "nft is not installed"}], "failures": [],
                 "measurements": []}
                """#)
            let page = Workspace.newPath("result.html")
            let shown = try Weir.run(["bench", "show", result, "--html", page])
            #expect(shown.status == 0)
            #expect(shown.output.hasPrefix("Linux 6.1.0 x86_64, 2 × a processor, 8 GB\nweir 0.1.0\n"))
            #expect(shown.output.contains("nftables was not measured: nft is not installed"))
            #expect(Workspace.read(page).contains("nftables was not measured: nft is not installed"))
        }
    }
}
