# Answers with its process id after 0 to 20 ms; for puma. What it does instead is in the file
# that VERSION names, as in app.js.
version = File.read(ENV.fetch('VERSION')).strip
status = version == 'says 500' ? 500 : 200

exit 1 if version == 'exits'
sleep if version == 'never listens'

run(lambda do |_env|
  sleep(rand * 0.02)
  [status, { 'Content-Type' => 'text/plain' }, ["hello from pid #{Process.pid}\n"]]
end)
