// launcher UNIKERNEL: runs it with the modules of libspry and one device of its own; its exit code is the guest's.
#include <spry/machine.h>
#include <spry/modules.h>

#include <cstdio>

namespace {

class Oracle : public spry::Device {
 public:
  spry::Result<std::int64_t> call(spry::Guest&, const spry::DeviceCall& call) override {
    return static_cast<std::int64_t>(call.a * call.b);
  }
};

int complain(const spry::Error& error) {
  std::fprintf(stderr, "launcher: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const spry::Result<spry::Image> image = spry::Image::load(argv[1]);
  if (!image) return complain(image.error());

  std::vector<spry::Attachment> devices;
  for (const spry::DeviceNeed& need : image->manifest().devices) {
    if (need.kind == "oracle") {
      devices.push_back({need.kind, need.name, std::make_unique<Oracle>()});
      continue;
    }
    for (const spry::Module* module : {&spry::console_module, &spry::block_module, &spry::net_module}) {
      if (module->kind != need.kind) continue;
      spry::Result<std::unique_ptr<spry::Device>> device = module->open(need, std::nullopt);
      if (!device) return complain(device.error());
      devices.push_back({need.kind, need.name, std::move(*device)});
    }
  }

  spry::MachineOptions options;
  options.arguments = {"outside"};
  spry::Result<spry::Machine> machine = spry::Machine::create(*image, std::move(options), std::move(devices));
  if (!machine) return complain(machine.error());
  const spry::Result<spry::Receipt> receipt = machine->run();
  if (!receipt) return complain(receipt.error());
  return receipt->status;
}
