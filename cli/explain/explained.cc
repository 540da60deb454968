#include "explain/explained.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "model/display_text.h"
#include "nlohmann/json.hpp"
#include "text/describe.h"

namespace fdorigin {
namespace {

using Json = nlohmann::ordered_json;
using model::Descriptor;
using model::Report;

constexpr size_t kMostTold = 8;

struct Meaning {
  std::string_view meaning, remedy;
};

Meaning MeaningOf(ComplaintKind kind) {
  switch (kind) {
    case ComplaintKind::kExternalUnixSocket:
      return {"The other end of a unix socket is in a process that is not dumped.",
              "Close it before the checkpoint. --ext-unix-sk (setExtUnixSupport on OpenJ9) helps "
              "with datagram sockets, and never with connected streams."};
    case ComplaintKind::kHalfUnixStream:
      return {
          "A connected unix stream cannot be dumped without its other end, and that is in a "
          "process that is not dumped.",
          "Close it before the checkpoint; --ext-unix-sk does not help with streams."};
    case ComplaintKind::kLostUnixPeer:
      return {"criu does not find the other end of a unix socket.",
              "Close it before the checkpoint: it is of no use any more, or its other end is in "
              "another network namespace."};
    case ComplaintKind::kConnectedTcp:
      return {
          "A TCP connection is open.",
          "Close it before the checkpoint; or give criu --tcp-established (setTCPEstablished on "
          "OpenJ9), and the other side must then still be there at the restore."};
    case ComplaintKind::kInFlight:
      return {"Somebody has connected to this socket, and nobody has accepted him yet.",
              "Stop listening before the checkpoint, or try again; --skip-in-flight "
              "(setTCPSkipInFlight on OpenJ9) drops such connections."};
    case ComplaintKind::kUnknownProtocol:
      return {"criu does not know the protocol of this socket.",
              "Close it before the checkpoint, or use plain TCP or UDP."};
    case ComplaintKind::kUnknownFamily:
      return {"criu does not know sockets of this family.", "Close it before the checkpoint."};
    case ComplaintKind::kUnreadNetlink:
      return {"A netlink socket has messages that nobody has read.",
              "Close it before the checkpoint. libc opens and closes one in getifaddrs and "
              "getaddrinfo: if it is one of these, try again."};
    case ComplaintKind::kSocketOption:
      return {
          "The kernel refuses what criu asks about this socket, though the socket is a usual "
          "one: this criu is older than the kernel, and can dump no such socket at all.",
          "Take a newer criu; else close all such sockets before the checkpoint."};
    case ComplaintKind::kUnknownFile:
      return {"criu does not know how to dump a descriptor of this type.",
              "Close it before the checkpoint."};
    case ComplaintKind::kGhostFile:
      return {"The file is deleted, and too large to be put into the image.",
              "Close it before the checkpoint, or give criu a larger --ghost-limit "
              "(setGhostFileLimit on OpenJ9)."};
    case ComplaintKind::kDeletedLink:
      return {"The name by which the file was opened is deleted; it exists under another one.",
              "Close it before the checkpoint, or give criu --link-remap."};
    case ComplaintKind::kUnknownMount:
      return {
          "The file is on a mount that criu does not see: one of another mount namespace, or "
          "one that was unmounted.",
          "Close it before the checkpoint, or mount it where the process runs."};
    case ComplaintKind::kFileLock:
      return {"A file is locked.",
              "Release the lock before the checkpoint, or give criu --file-locks."};
    case ComplaintKind::kUnsendable:
      return {
          "The kernel does not let criu have a copy of a descriptor. It refuses that for "
          "io_uring.",
          "Shut down what uses io_uring before the checkpoint."};
    case ComplaintKind::kOther:
      break;
  }
  return {};
}

std::string OriginOf(const Report& report, const Descriptor& descriptor) {
  if (descriptor.origin == nullptr) {
    return descriptor.reason.empty() ? DisplayText(descriptor.attribution)
                                     : fmt::format("{}: {}", DisplayText(descriptor.attribution),
                                                   DisplayText(descriptor.reason));
  }
  return DescribeOpening(report, descriptor);
}

std::string HowJoined(const JoinedComplaint& joined) {
  return joined.joined_by == "kind" ? "" : fmt::format(", by its {}", joined.joined_by);
}

}  // namespace

std::vector<Explained> Explain(const CriuLog& log, const Report& report) {
  std::vector<Explained> explained;
  for (const Complaint& complaint : log.complaints) {
    explained.push_back({&complaint, Join(complaint, report)});
  }
  return explained;
}

void TellExplained(const std::vector<Explained>& explained, const CriuLog& log,
                   const Report& report, Sheet* sheet) {
  for (const Explained& one : explained) {
    if (!sheet->str().empty()) sheet->BlankLine();
    sheet->Paragraph(0, 2,
                     {Inked(fmt::format("line {}: ", one.complaint->line), Ink::kDim),
                      Inked(DisplayText(one.complaint->message), Ink::kBold)});
    const auto& descriptors = one.joined.descriptors;
    std::string_view label = one.joined.is_certain ? "about" : "perhaps";
    for (size_t i = 0; i < std::min(descriptors.size(), kMostTold); ++i) {
      const Descriptor& descriptor = *descriptors[i];
      sheet->Item(label,
                  {Inked(fmt::format("fd {} ", descriptor.fd), Ink::kBold),
                   Inked(DescribeDescriptor(descriptor)), Inked(HowJoined(one.joined), Ink::kDim)});
      sheet->More({Inked(OriginOf(report, descriptor))});
      const std::string peer = DescribePeer(report, descriptor);
      if (!peer.empty()) sheet->More({Inked("other end: " + peer)});
      label = "";
    }
    if (descriptors.size() > kMostTold) {
      sheet->More({Inked(fmt::format("and {} more", descriptors.size() - kMostTold))});
    }
    if (descriptors.empty()) {
      sheet->Item("about", {Inked(one.joined.note.empty()
                                      ? "the log does not say which descriptor, and none of the "
                                        "report fits"
                                      : one.joined.note)});
    }
    const Meaning meaning = MeaningOf(one.complaint->kind);
    if (!meaning.meaning.empty()) {
      sheet->Item("means", {Inked(std::string(meaning.meaning))});
      sheet->Item("do", {Inked(std::string(meaning.remedy))});
    }
  }
  if (log.left_out > 0) {
    sheet->BlankLine();
    sheet->Paragraph(0, 2, {Inked(fmt::format("and {} more complaints", log.left_out))});
  }
}

std::string ExplainedAsJson(const std::vector<Explained>& explained, const CriuLog& log,
                            std::string_view log_path, const Report& report) {
  Json complaints = Json::array();
  for (const Explained& one : explained) {
    Json complaint = {{"line", one.complaint->line},
                      {"source", DisplayText(one.complaint->source)},
                      {"message", DisplayText(one.complaint->message)},
                      {"kind", NameOf(one.complaint->kind)},
                      {"certain", one.joined.is_certain}};
    if (!one.joined.joined_by.empty()) complaint["joinedBy"] = one.joined.joined_by;
    Json descriptors = Json::array();
    for (const Descriptor* descriptor : one.joined.descriptors) {
      Json told = {{"fd", descriptor->fd},
                   {"inode", descriptor->inode},
                   {"description", DescribeDescriptor(*descriptor)},
                   {"origin", OriginOf(report, *descriptor)}};
      const std::string peer = DescribePeer(report, *descriptor);
      if (!peer.empty()) told["peer"] = peer;
      descriptors.push_back(std::move(told));
    }
    complaint["descriptors"] = std::move(descriptors);
    if (!one.joined.note.empty()) complaint["note"] = one.joined.note;
    const Meaning meaning = MeaningOf(one.complaint->kind);
    if (!meaning.meaning.empty()) {
      complaint["meaning"] = meaning.meaning;
      complaint["remedy"] = meaning.remedy;
    }
    complaints.push_back(std::move(complaint));
  }
  const Json json = {{"log", DisplayText(log_path)},        {"report", DisplayText(report.path)},
                     {"pid", report.process.pid},           {"dumpFailed", log.says_failed},
                     {"complaints", std::move(complaints)}, {"complaintsLeftOut", log.left_out}};
  return json.dump(1) + "\n";
}

}  // namespace fdorigin
