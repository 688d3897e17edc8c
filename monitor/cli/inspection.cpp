#include "cli/inspection.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "spry/abi.h"
#include "spry/machine.h"
#include "text/escape.h"
#include "text/format.h"
#include "text/join.h"

namespace spry {
namespace {

using Json = nlohmann::ordered_json;

struct Feature {
  std::uint64_t bit;
  const char* name;
};
constexpr Feature kFeatures[] = {{SPRY_FEATURE_CLOCK, "clock"},   {SPRY_FEATURE_FSGSBASE, "fsgsbase"},
                                 {SPRY_FEATURE_XSAVE, "xsave"},   {SPRY_FEATURE_AVX, "avx"},
                                 {SPRY_FEATURE_AVX512, "avx512"}, {SPRY_FEATURE_FSBASE, "fsbase"}};

std::vector<std::string> feature_names(std::uint64_t features) {
  std::vector<std::string> names;
  for (const Feature& feature : kFeatures) {
    if ((features & feature.bit) != 0) names.emplace_back(feature.name);
    features &= ~feature.bit;
  }
  if (features != 0) names.push_back(fmt::format("{:#x}", features));
  return names;
}

std::string permissions_of(const Permissions& permissions) {
  return {permissions.read ? 'r' : '-', permissions.write ? 'w' : '-', permissions.execute ? 'x' : '-'};
}

// "16M" where a suffix loses nothing, else bytes.
std::string size_of(std::uint64_t bytes) {
  for (const auto& [shift, suffix] : {std::pair{30, 'G'}, std::pair{20, 'M'}, std::pair{10, 'K'}}) {
    if (bytes != 0 && bytes % (std::uint64_t{1} << shift) == 0) return fmt::format("{}{}", bytes >> shift, suffix);
  }
  return fmt::format("{}", bytes);
}

std::uint64_t entry_of(const Image& image) { return image.entry() - image.slide(); }

// What `spry run` reserves without --memory.
std::uint64_t memory_of(const Image& image) { return std::max(kDefaultMemory, image.manifest().memory); }

// The lines that an image and a snapshot have in common.
std::string needs_of(const Manifest& manifest) {
  const std::vector<std::string> features = feature_names(manifest.features);
  std::string text = fmt::format("  stack        {}\n", manifest.stack == 0 ? "default" : size_of(manifest.stack));
  text += fmt::format("  features     {}\n", features.empty() ? "none" : join(features, " "));
  text += manifest.devices.empty() ? "  devices      none\n" : "  devices\n";
  for (const DeviceNeed& need : manifest.devices) {
    text += fmt::format("    {:>2}  {}  {}\n", need.handle, escape(need.kind), escape(need.name));
  }
  return text;
}

Json json_of(const Manifest& manifest) {
  Json devices = Json::array();
  for (const DeviceNeed& need : manifest.devices) {
    devices.push_back(Json{{"handle", need.handle}, {"kind", need.kind}, {"name", need.name}});
  }
  return {{"memory", manifest.memory},
          {"stack", manifest.stack},
          {"features", feature_names(manifest.features)},
          {"devices", devices}};
}

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string format_inspection(const Snapshot& snapshot) {
  const Manifest& manifest = snapshot.manifest();
  std::string text = fmt::format("{}\n", escape(snapshot.path()));
  text += fmt::format("  ABI version  {}\n", manifest.abi_version);
  text += "  type         snapshot\n";
  text += fmt::format("  memory       {}\n", size_of(snapshot.memory()));
  text += fmt::format("  contents     {}\n", size_of(snapshot.contents_size()));
  text += needs_of(manifest);
  text += snapshot.arguments().empty() ? "  arguments    none\n" : "  arguments\n";
  for (const std::string& argument : snapshot.arguments()) text += fmt::format("    {}\n", escape(argument));
  return text;
}

std::string format_inspection_json(const Snapshot& snapshot) {
  Json json;
  json["path"] = snapshot.path();
  json["abi_version"] = snapshot.manifest().abi_version;
  json["type"] = "snapshot";
  json["manifest"] = json_of(snapshot.manifest());
  json["memory"] = snapshot.memory();
  json["contents_size"] = snapshot.contents_size();
  json["arguments"] = snapshot.arguments();
  return dump(json);
}

std::string format_inspection(const Image& image) {
  const Manifest& manifest = image.manifest();
  std::string text = fmt::format("{}\n", escape(image.path()));
  text += fmt::format("  ABI version  {}\n", manifest.abi_version);
  text += fmt::format("  type         {}\n", image.position_independent() ? "static PIE" : "fixed address");
  text += fmt::format("  entry        {:#x}\n", entry_of(image));
  text += fmt::format("  memory       {}{}\n", size_of(memory_of(image)),
                      manifest.memory == 0 ? " (default)" : fmt::format(" (asks for {})", size_of(manifest.memory)));
  text += needs_of(manifest);
  text += "  segments\n";
  for (const Segment& segment : image.segments()) {
    text += fmt::format("    {}  {:#010x} to {:#010x}  {} bytes, {} of them in the file\n",
                        permissions_of(segment.permissions), segment.address, segment.address + segment.memory_size,
                        segment.memory_size, segment.file_size);
  }
  if (const Range relro = image.relro(); !relro.empty()) {
    text += fmt::format("    r--  {:#010x} to {:#010x}  read-only after relocation\n", relro.start, relro.end);
  }
  return text;
}

std::string format_inspection_json(const Image& image) {
  const Manifest& manifest = image.manifest();
  Json segments = Json::array();
  for (const Segment& segment : image.segments()) {
    segments.push_back(Json{{"address", segment.address},
                            {"memory_size", segment.memory_size},
                            {"file_size", segment.file_size},
                            {"permissions", permissions_of(segment.permissions)}});
  }
  Json json;
  json["path"] = image.path();
  json["abi_version"] = manifest.abi_version;
  json["type"] = image.position_independent() ? "static-pie" : "fixed";
  json["entry"] = entry_of(image);
  json["manifest"] = json_of(manifest);
  json["segments"] = segments;
  json["relro"] = {{"start", image.relro().start}, {"end", image.relro().end}};
  json["extent"] = {{"start", image.extent().start}, {"end", image.extent().end}};
  json["memory_needed"] = memory_of(image);
  return dump(json);
}

}  // namespace spry
