#include "check/fingerprint.h"

#include <string>
#include <string_view>
#include <utility>

#include "model/stable_name.h"

namespace fdorigin::check {
namespace {

using model::Descriptor;
using model::Frame;
using model::FrameOwner;

// What nobody was seen to open, by what it leads to.
std::string Target(const Descriptor& descriptor) {
  if (!descriptor.socket) {
    // Anonymous ones have numbers in their link.
    return descriptor.target.starts_with('/') ? std::string(descriptor.target) : std::string();
  }
  const model::Socket& socket = *descriptor.socket;
  std::string text(socket.family);
  text.append("/").append(socket.protocol).append("\n");
  // The address that somebody chose: the one that is listened at, or the one connected to.
  const bool connected = !socket.remote.empty();
  return text.append(connected ? socket.remote : socket.local);
}

}  // namespace

const std::string& Fingerprints::FramesOf(int stack) {
  std::string& text = frames_[static_cast<size_t>(stack)];
  if (!text.empty()) return text;
  text.push_back('\n');
  std::string last;
  for (const Frame& frame : report_.stacks[static_cast<size_t>(stack)].frames) {
    if (frame.owner != FrameOwner::kApplication || frame.is_hidden) continue;
    std::string name = model::StableName(frame);
    // How deep a recursion went is chance.
    if (name == last) continue;
    text.append(name).push_back('\n');
    last = std::move(name);
  }
  return text;
}

std::string Fingerprints::Of(const Descriptor& descriptor) {
  std::string text(descriptor.kind);
  text.push_back('\n');
  if (descriptor.origin == nullptr) {
    text.append(descriptor.attribution).append("\n").append(Target(descriptor));
    return model::StableHash(text);
  }
  text.append(descriptor.origin->call).push_back('\n');
  if (const Frame* culprit = report_.FrameOf(descriptor)) text.append(model::StableName(*culprit));
  if (descriptor.origin->stack >= 0) text.append(FramesOf(descriptor.origin->stack));
  return model::StableHash(text);
}

std::string Fingerprints::OfFailure(std::string_view class_name) {
  return model::StableHash(std::string("failure\n").append(class_name));
}

}  // namespace fdorigin::check
